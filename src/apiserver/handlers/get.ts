/** GET of one object. */
import type { Machinery } from '../machinery.ts';
import type { Reply, ResourceRequest } from '../request.ts';
import { storedReply } from '../representations/stored.ts';
import { storedObject } from '../storage/modify.ts';
import { requireRevision } from './versions.ts';

export async function get(machinery: Machinery, request: ResourceRequest): Promise<Reply> {
  requireRevision(machinery, request);
  return storedReply(machinery, request, storedObject(machinery, request));
}
