/** The words inside a strategic merge patch that say how to merge. */
import { apiError, type ApiError } from '../errors.ts';
import { isJsonObject, setOwnValue, type JsonObject } from '../json-value.ts';

export const directiveKey = '$patch';
export const retainKeysKey = '$retainKeys';
export const elementOrderPrefix = '$setElementOrder/';
export const deletePrimitivesPrefix = '$deleteFromPrimitiveList/';

export function badPatch(message: string): ApiError {
  return apiError({ code: 400, reason: 'BadRequest', message: `strategic merge patch: ${message}` });
}

/** Whether a key tells how to merge and is not itself data. */
export function isDirective(key: string): boolean {
  return (
    key === directiveKey ||
    key === retainKeysKey ||
    key.startsWith(elementOrderPrefix) ||
    key.startsWith(deletePrimitivesPrefix)
  );
}

/** What `$patch` says here; undefined when it is not there. Throws for a word that does not exist. */
export function directiveOf(value: JsonObject): 'delete' | 'replace' | 'merge' | undefined {
  if (!Object.hasOwn(value, directiveKey)) return undefined;
  const directive = value[directiveKey];
  if (directive === 'delete' || directive === 'replace' || directive === 'merge') return directive;
  throw badPatch(`there is no $patch: ${JSON.stringify(directive)}`);
}

/** A list that a directive must have. */
export function directiveList(value: unknown, key: string): readonly unknown[] {
  if (!Array.isArray(value)) throw badPatch(`${key} must be a list`);
  return value;
}

/** An element of a list that only says what to do with the list. */
function isMarker(element: unknown): boolean {
  return isJsonObject(element) && (directiveOf(element) ?? 'merge') !== 'merge';
}

/**
 * A copy of a patch's value as plain data: no directives, no nulls in objects. Undefined when it is itself a directive
 * to delete (then there is nothing to put anywhere).
 */
export function plainData(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.filter((each) => !isMarker(each)).map((each: unknown) => plainData(each));
  }
  if (!isJsonObject(value)) return value;
  if (directiveOf(value) === 'delete') return undefined;
  return plainObject(value);
}

/** As plainData, for an object whose own `$patch` has been looked at already. */
export function plainObject(value: JsonObject): JsonObject {
  const data: JsonObject = {};
  for (const key of Object.keys(value)) {
    const plain = isDirective(key) || value[key] === null ? undefined : plainData(value[key]);
    if (plain !== undefined) setOwnValue(data, key, plain);
  }
  return data;
}
