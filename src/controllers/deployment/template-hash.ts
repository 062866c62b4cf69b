/** The `pod-template-hash` of a pod template. */
import type { PodTemplateSpec } from '../../api/types.gen.ts';
import { semanticEqual } from '../semantic-equal.ts';

export const templateHashLabel = 'pod-template-hash';

/** Digits of a number spelled with characters that make no words, as upstream's names are. */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789';

/** JSON with sorted keys and without what says nothing, so that equal templates give equal text. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const pairs = Object.entries(value)
    .filter(([, each]) => !semanticEqual(each, undefined))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, each]) => `${JSON.stringify(key)}:${canonical(each)}`);
  return `{${pairs.join(',')}}`;
}

/** FNV-1a, 32 bits. */
function fnv32a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) {
    hash ^= byte;
    hash = Math.imul(hash, 0x01000193);
  }
  return hash >>> 0;
}

/** Same template and collision count, same hash; the count leads away from a name that somebody else holds. */
export function templateHash(template: PodTemplateSpec, collisionCount = 0): string {
  const salt = collisionCount === 0 ? '' : `#${collisionCount}`;
  return [...String(fnv32a(canonical(withoutHash(template)) + salt))]
    .map((digit) => alphabet.charAt(digit.charCodeAt(0) % alphabet.length))
    .join('');
}

function withoutHash(template: PodTemplateSpec): PodTemplateSpec {
  const labels = { ...template.metadata?.labels };
  delete labels[templateHashLabel];
  return { ...template, metadata: { ...template.metadata, labels } };
}

/** Whether two templates ask for the same pods; the hash label does not count. */
export function sameTemplate(a: PodTemplateSpec | undefined, b: PodTemplateSpec | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return semanticEqual(withoutHash(a), withoutHash(b));
}
