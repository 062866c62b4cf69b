/** DELETE of a collection: every selected object as if deleted one by one, side by side so that they share commits. */
import { isNotFound } from '../../api/errors.ts';
import type { StoredValue } from '../../store/contract.ts';
import type { Machinery } from '../machinery.ts';
import type { Reply, ResourceRequest } from '../request.ts';
import { deleteObject } from '../storage/delete.ts';
import { decodeShared } from '../storage/codec.ts';
import { readDeleteWish } from './delete-options.ts';
import { listReply, selectStored } from './list.ts';

/** Deletions under way at once. */
const width = 256;

/** Answers the list of what was deleted or marked. */
export async function deleteCollection(machinery: Machinery, request: ResourceRequest): Promise<Reply> {
  const wish = { ...(await readDeleteWish(request)), user: request.user };
  const found = await selectStored(machinery, request);
  const deleted: StoredValue[] = [];
  for (let at = 0; at < found.items.length; at += width) {
    const some = found.items.slice(at, at + width).map(async ({ key, value }) => {
      const name = decodeShared(value).metadata.name ?? '';
      try {
        const { stored } = await deleteObject(machinery, request.row, [key, name], wish);
        deleted.push(stored);
      } catch (error) {
        // Somebody else was faster: that is what was wanted.
        if (!isNotFound(error)) throw error;
      }
    });
    await Promise.all(some);
  }
  return listReply(machinery, request, { ...found, items: deleted });
}
