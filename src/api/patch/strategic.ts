/**
 * Strategic merge patch: a merge patch that knows, by the schema, which lists are sets of named things.
 * Directives as in the API conventions and in KEP "preserve order in strategic merge patch".
 */
import { cloneJson, isJsonObject, ownValue, setOwnValue, type JsonObject } from '../json-value.ts';
import { fieldOf, type FieldSchema } from '../schema/table.ts';
import {
  badPatch,
  deletePrimitivesPrefix,
  directiveList,
  directiveOf,
  elementOrderPrefix,
  isDirective,
  plainData,
  plainObject,
  retainKeysKey,
} from './directives.ts';
import { orderElements, placesOf, type Identity } from './element-order.ts';

/** Fields of an object of unknown shape: objects merge, lists are replaced. */
const noDefinition = '';

const strategyOf = (field: FieldSchema | undefined): readonly string[] => field?.patchStrategy?.split(',') ?? [];

/** `target` is changed and answered; a directive may answer another object. */
function mergeObject(target: JsonObject, patch: JsonObject, definition: string): JsonObject {
  const directive = directiveOf(patch);
  if (directive === 'replace') return plainObject(patch);
  if (directive === 'delete') return {};
  retainKeys(target, patch);
  const done = mergeOrderedLists(target, patch, definition);
  for (const key of Object.keys(patch)) {
    if (key.startsWith(deletePrimitivesPrefix)) deletePrimitives(target, key, patch[key]);
    else if (!isDirective(key) && !done.has(key)) mergeField(target, key, patch[key], definition);
  }
  return target;
}

/** `$retainKeys`: what is not named there goes. */
function retainKeys(target: JsonObject, patch: JsonObject): void {
  if (!Object.hasOwn(patch, retainKeysKey)) return;
  const retained = new Set(directiveList(patch[retainKeysKey], retainKeysKey));
  for (const key of Object.keys(patch)) {
    if (!isDirective(key) && patch[key] !== null && !retained.has(key)) {
      throw badPatch(`${key} is not among its $retainKeys`);
    }
  }
  for (const key of Object.keys(target)) {
    if (!retained.has(key)) Reflect.deleteProperty(target, key);
  }
}

function mergeField(target: JsonObject, key: string, value: unknown, definition: string): void {
  const merged = mergedValue(ownValue(target, key), value, fieldOf(definition, key));
  if (merged === undefined) Reflect.deleteProperty(target, key);
  else setOwnValue(target, key, merged);
}

/** Undefined: the field goes. */
function mergedValue(old: unknown, value: unknown, field: FieldSchema | undefined): unknown {
  if (value === null) return undefined;
  if (isJsonObject(old) && isJsonObject(value)) {
    if (strategyOf(field).includes('replace')) return plainData(value);
    return mergeObject(old, value, field === undefined || field.map !== undefined ? noDefinition : field.type);
  }
  if (Array.isArray(old) && Array.isArray(value)) return mergeList(old, value, field);
  return plainData(value);
}

function identityOf(field: FieldSchema | undefined): Identity {
  const mergeKey = field?.mergeKey;
  if (mergeKey === undefined) return (element) => element;
  return (element) => {
    const id = isJsonObject(element) ? ownValue(element, mergeKey) : undefined;
    if (id === undefined) throw badPatch(`an element of the list has no ${mergeKey}, by which it is merged`);
    return id;
  };
}

function mergeList(old: unknown[], patch: readonly unknown[], field: FieldSchema | undefined): unknown[] {
  if (!strategyOf(field).includes('merge')) return plainData(patch) as unknown[];
  const identity = identityOf(field);
  if (field?.mergeKey === undefined) {
    return orderElements([...new Set([...old, ...patch])], patch, old, identity);
  }
  return mergeNamedElements(old, patch, field, identity);
}

/** Elements that a directive removes, elements to merge, and whether all the rest of the list goes. */
function sortDirectives(
  patch: readonly unknown[],
  identity: Identity,
): {
  deleted: Set<unknown>;
  elements: JsonObject[];
  replace: boolean;
} {
  const deleted = new Set<unknown>();
  const elements: JsonObject[] = [];
  let replace = false;
  for (const element of patch) {
    if (!isJsonObject(element)) throw badPatch('an element of a list that merges by key is not an object');
    const directive = directiveOf(element);
    if (directive === 'delete') deleted.add(identity(element));
    else if (directive === 'replace') replace = true;
    else {
      identity(element);
      elements.push(element);
    }
  }
  return { deleted, elements, replace };
}

function mergeNamedElements(
  old: readonly unknown[],
  patch: readonly unknown[],
  field: FieldSchema,
  identity: Identity,
): unknown[] {
  const { deleted, elements, replace } = sortDirectives(patch, identity);
  if (replace) return elements.map((element) => plainObject(element));
  const merged = old.filter((element) => !deleted.has(identity(element)));
  const places = placesOf(merged, identity);
  for (const element of elements) {
    const id = identity(element);
    const place = places.get(id) ?? merged.length;
    const found = merged[place];
    merged[place] = isJsonObject(found) ? mergeObject(found, element, field.type) : plainObject(element);
    places.set(id, place);
  }
  return orderElements(merged, elements, old, identity);
}

function deletePrimitives(target: JsonObject, key: string, value: unknown): void {
  const field = key.slice(deletePrimitivesPrefix.length);
  const old = ownValue(target, field);
  const deleted = new Set(directiveList(value, key));
  if (Array.isArray(old))
    setOwnValue(
      target,
      field,
      old.filter((each) => !deleted.has(each)),
    );
}

/** `$setElementOrder/FIELD` must name every element of the patch, in the patch's order. */
function checkOrder(patch: readonly unknown[], order: readonly unknown[], identity: Identity, key: string): void {
  const kept = patch.filter((element) => !isJsonObject(element) || directiveOf(element) === undefined);
  if (kept.length === 0 || order.length === 0) return;
  let next = 0;
  for (const element of order) {
    if (next < kept.length && identity(element) === identity(kept[next])) next += 1;
  }
  if (next < kept.length) throw badPatch(`the order in the list does not match ${key}`);
}

/** Merges each list that has a `$setElementOrder`; answers their names. */
function mergeOrderedLists(target: JsonObject, patch: JsonObject, definition: string): Set<string> {
  const done = new Set<string>();
  for (const key of Object.keys(patch)) {
    if (!key.startsWith(elementOrderPrefix)) continue;
    const name = key.slice(elementOrderPrefix.length);
    const order = directiveList(patch[key], key);
    const old = ownValue(target, name) ?? undefined;
    const change = ownValue(patch, name);
    // A list that goes as a whole, or that nobody has, has no order.
    if (change === null || (old === undefined && change === undefined)) continue;
    const field = fieldOf(definition, name);
    const identity = identityOf(field);
    const elements = change === undefined ? [] : directiveList(change, name);
    const live = old === undefined ? [] : directiveList(old, name);
    checkOrder(elements, order, identity, key);
    const merged = change === undefined ? live : mergeList([...live], elements, field);
    setOwnValue(target, name, orderElements(merged, order, live, identity));
    done.add(name);
  }
  return done;
}

/**
 * The patched object; it shares nothing with the arguments. `definitionName` is the object's in the schema table; fields
 * that it does not have merge as in a merge patch. Throws an ApiError (400) when the patch is malformed.
 */
export function applyStrategicPatch<T>(object: T, patch: unknown, definitionName: string): T {
  if (!isJsonObject(patch)) throw badPatch('must be an object');
  if (!isJsonObject(object)) throw badPatch('only an object can be patched');
  return mergeObject(cloneJson(object), patch, definitionName) as T;
}
