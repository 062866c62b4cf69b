/** JSON merge patch, RFC 7386. */
import { cloneJson, isJsonObject, ownValue, setOwnValue, type JsonObject } from '../json-value.ts';

function merge(target: unknown, patch: unknown): unknown {
  if (!isJsonObject(patch)) return cloneJson(patch);
  const result: JsonObject = isJsonObject(target) ? target : {};
  for (const key of Object.keys(patch)) {
    const value = patch[key];
    if (value === null) Reflect.deleteProperty(result, key);
    else setOwnValue(result, key, merge(ownValue(result, key), value));
  }
  return result;
}

/** The patched object; it shares nothing with the arguments. */
export function applyMergePatch<T>(object: T, patch: unknown): T {
  return merge(cloneJson(object), patch) as T;
}
