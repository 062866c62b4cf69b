/** Which part of an object a write is for. */
import type { ResourceRequest } from '../request.ts';
import type { Part } from '../storage/modify.ts';

export function partOf({ path: { subresource } }: ResourceRequest): Part {
  if (subresource === 'status') return 'status';
  return subresource === 'finalize' ? 'finalize' : 'main';
}
