/** The smallest strategic merge patch from one pod status to another. Pure. */
import { isDeepStrictEqual } from 'node:util';
import type { PodCondition, PodStatus } from '../../api/types.gen.ts';

type Patch = Record<string, unknown>;

/** Merge keys of the lists in a PodStatus that are merged; every other list is replaced as a whole. */
const mergeKeys: Readonly<Record<string, string>> = { conditions: 'type', podIPs: 'ip', hostIPs: 'ip' };

function listPatch(before: readonly object[], after: readonly object[], key: string): unknown[] {
  const keyOf = (entry: object): unknown => (entry as Record<string, unknown>)[key];
  const changed = after.filter((entry) => !before.some((old) => isDeepStrictEqual(old, entry)));
  const gone = before.filter((old) => !after.some((entry) => keyOf(entry) === keyOf(old)));
  return [
    ...changed.map((entry) => withNulls(before, entry, key)),
    ...gone.map((old) => ({ $patch: 'delete', [key]: keyOf(old) })),
  ];
}

/** Fields of the old entry that the new one lacks must be taken away by name: a merged entry keeps them otherwise. */
function withNulls(before: readonly object[], entry: object, key: string): object {
  const id = (entry as Record<string, unknown>)[key];
  const old = before.find((each) => (each as Record<string, unknown>)[key] === id) ?? {};
  const missing = Object.keys(old).filter((field) => !(field in entry));
  return { ...entry, ...Object.fromEntries(missing.map((field) => [field, null])) };
}

/** The `status` part of the patch; undefined when nothing differs. */
export function statusPatch(before: PodStatus, after: PodStatus): Patch | undefined {
  const old = before as Patch;
  const next = after as Patch;
  const patch: Patch = {};
  for (const field of new Set([...Object.keys(old), ...Object.keys(next)])) {
    if (isDeepStrictEqual(old[field], next[field])) continue;
    const key = mergeKeys[field];
    if (next[field] === undefined) patch[field] = null;
    else if (key === undefined) patch[field] = next[field];
    else patch[field] = listPatch((old[field] ?? []) as object[], next[field] as PodCondition[], key);
  }
  return Object.keys(patch).length === 0 ? undefined : patch;
}
