/** A stored object, as the client asked for it. */
import type { StoredValue } from '../../store/contract.ts';
import type { Machinery } from '../machinery.ts';
import type { Reply, ResourceRequest } from '../request.ts';
import { encodedAt, objectAt } from '../storage/codec.ts';
import { partialObject } from './partial.ts';
import { objectTable } from './table.ts';

export function storedReply(
  machinery: Machinery,
  request: ResourceRequest,
  { value, modRevision }: StoredValue,
  code = 200,
): Reply {
  switch (request.representation.form) {
    case 'object':
      return { code, body: encodedAt(value, modRevision) };
    case 'partial':
      return { code, body: partialObject(objectAt(value, modRevision)) };
    case 'table':
      return { code, body: objectTable(machinery, request, objectAt(value, modRevision)) };
  }
}
