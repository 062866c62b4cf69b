/** DELETE of one object. */
import { success } from '../errors.ts';
import type { Machinery } from '../machinery.ts';
import type { Reply, ResourceRequest } from '../request.ts';
import { storedReply } from '../representations/stored.ts';
import { decodeShared } from '../storage/codec.ts';
import { deleteObject } from '../storage/delete.ts';
import { keyOf } from '../storage/keys.ts';
import { readDeleteWish } from './delete-options.ts';

/** The object while something holds it, a Status once it is gone. */
export async function deleteOne(machinery: Machinery, request: ResourceRequest): Promise<Reply> {
  const wish = await readDeleteWish(request);
  const { row, path } = request;
  const key = keyOf(row.type, path.namespace, path.name);
  const { stored, gone } = await deleteObject(machinery, row, [key, path.name], { ...wish, user: request.user });
  if (!gone) return storedReply(machinery, request, stored);
  const { group, resource } = row.type;
  const { uid = '' } = decodeShared(stored.value).metadata;
  return { code: 200, body: success({ name: path.name, ...(group !== '' && { group }), kind: resource, uid }) };
}
