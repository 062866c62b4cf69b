/** `eviction`: a deletion that may be refused. There are no disruption budgets yet, so none is. */
import type { KubeObject } from '../../api/client.ts';
import type { Eviction } from '../../api/types.gen.ts';
import { success } from '../errors.ts';
import { deleteWish } from '../handlers/delete-options.ts';
import { placeObject, readObject } from '../handlers/incoming.ts';
import type { Machinery } from '../machinery.ts';
import type { Reply, ResourceRequest } from '../request.ts';
import { deleteObject } from '../storage/delete.ts';
import { keyOf } from '../storage/keys.ts';

export async function evict(machinery: Machinery, request: ResourceRequest): Promise<Reply> {
  const eviction = await readObject<Eviction & KubeObject>(request, {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    definition: 'Eviction',
  });
  placeObject(request, eviction);
  const wish = deleteWish((eviction.deleteOptions ?? {}) as Parameters<typeof deleteWish>[0], request.dryRun);
  const { row, path, user } = request;
  await deleteObject(machinery, row, [keyOf(row.type, path.namespace, path.name), path.name], {
    ...wish,
    user,
    subresource: path.subresource,
  });
  return { code: 201, body: success(undefined, 201) };
}
