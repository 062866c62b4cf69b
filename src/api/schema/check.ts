/** Compares an object with its definition: which fields do not exist, which are of the wrong type. */
import { isJsonObject, ownValue, setOwnValue, type JsonObject } from '../json-value.ts';
import { definitions, fieldOf, type FieldSchema } from './definitions.ts';
import { isOfScalar } from './scalars.ts';

export interface Findings {
  /** Paths of fields that the kind does not have: `spec.foo`, `spec.containers[0].bar`. */
  readonly unknown: string[];
  /** Path and what was expected: `spec.replicas: expected integer`. */
  readonly wrong: string[];
}

function checkOne(type: string, value: unknown, path: string, findings: Findings): void {
  const scalar = isOfScalar(type, value);
  if (scalar !== undefined) {
    if (!scalar) findings.wrong.push(`${path}: expected ${type}`);
  } else if (!isJsonObject(value)) findings.wrong.push(`${path}: expected object`);
  else checkFields(type, value, `${path}.`, findings);
}

function checkList(type: string, value: unknown, path: string, findings: Findings): void {
  if (!Array.isArray(value)) findings.wrong.push(`${path}: expected list`);
  else {
    for (const [index, each] of value.entries()) {
      if (each !== null) checkOne(type, each, `${path}[${index}]`, findings);
    }
  }
}

function checkField(field: FieldSchema, value: unknown, path: string, findings: Findings): void {
  // Null means the same as not there.
  if (value === null || value === undefined) return;
  const check = field.list === true || field.map === 'lists' ? checkList : checkOne;
  if (field.map === undefined) check(field.type, value, path, findings);
  else if (!isJsonObject(value)) findings.wrong.push(`${path}: expected map`);
  else {
    for (const [key, each] of Object.entries(value)) {
      if (each !== null) check(field.type, each, `${path}.${key}`, findings);
    }
  }
}

function checkFields(definitionName: string, object: JsonObject, prefix: string, findings: Findings): void {
  for (const [key, value] of Object.entries(object)) {
    const field = fieldOf(definitionName, key);
    if (field === undefined) findings.unknown.push(`${prefix}${key}`);
    else checkField(field, value, `${prefix}${key}`, findings);
  }
}

/** Throws when the table has no such definition. Required fields are not looked for: that is validation. */
export function checkObject(definitionName: string, object: unknown): Findings {
  if (!definitions.has(definitionName)) throw new Error(`${definitionName}: not in the schema table`);
  const findings: Findings = { unknown: [], wrong: [] };
  if (isJsonObject(object)) checkFields(definitionName, object, '', findings);
  else findings.wrong.push('expected object');
  return findings;
}

function pruneValue(type: string, value: unknown): unknown {
  return definitions.has(type) && isJsonObject(value) ? pruneFields(type, value) : value;
}

function pruneList(type: string, value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  return value.map((each: unknown) => (each === null && definitions.has(type) ? {} : pruneValue(type, each)));
}

function pruneField(field: FieldSchema, value: unknown): unknown {
  const prune = field.list === true || field.map === 'lists' ? pruneList : pruneValue;
  if (field.map === undefined || !isJsonObject(value)) return prune(field.type, value);
  const pruned: JsonObject = {};
  for (const key of Object.keys(value)) {
    const each = ownValue(value, key);
    if (each !== null) setOwnValue(pruned, key, prune(field.type, each));
    // A typed decoder reads null in a map of texts as the empty text.
    else if (field.map === 'single' && (field.type === 'string' || field.type === 'bytes'))
      setOwnValue(pruned, key, '');
  }
  return pruned;
}

function pruneFields(definitionName: string, object: JsonObject): JsonObject {
  const pruned: JsonObject = {};
  for (const key of Object.keys(object)) {
    const field = fieldOf(definitionName, key);
    const value = object[key];
    if (field !== undefined && value !== null && value !== undefined) pruned[key] = pruneField(field, value);
  }
  return pruned;
}

/**
 * A copy without the fields that the kind does not have, and without nulls (which mean "not there"). Values of scalar
 * type are shared with the argument. Throws when the table has no such definition.
 */
export function pruneUnknown<T>(definitionName: string, object: T): T {
  if (!definitions.has(definitionName)) throw new Error(`${definitionName}: not in the schema table`);
  return pruneValue(definitionName, object) as T;
}
