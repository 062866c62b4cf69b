/** Which part of an object a write is for. */
import type { ResourceRequest } from '../request.ts';
import type { Part } from '../storage/modify.ts';

export function partOf({ path: { subresource } }: ResourceRequest): Part {
  const parts: readonly string[] = ['status', 'finalize', 'approval'] satisfies Part[];
  return parts.includes(subresource) ? (subresource as Part) : 'main';
}
