/** Equality as the API means it: key order does not matter, and what is empty is the same as what is not there. */
import { isJsonObject, ownValue } from '../../api/json-value.ts';

function empty(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (Array.isArray(value)) return value.length === 0;
  return isJsonObject(value) && Object.values(value).every((each) => each === undefined);
}

/** Whether two JSON values mean the same. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((each, i) => same(each, b[i]));
  }
  if (!isJsonObject(a) || !isJsonObject(b)) return empty(a) && empty(b);
  return (
    Object.keys(a).every((key) => same(a[key], ownValue(b, key))) &&
    Object.keys(b).every((key) => Object.hasOwn(a, key) || empty(b[key]))
  );
}
