/** POST to a collection. */
import type { KubeObject } from '../../api/client.ts';
import { badRequest } from '../errors.ts';
import type { Machinery } from '../machinery.ts';
import type { Reply, ResourceRequest } from '../request.ts';
import { storedReply } from '../representations/stored.ts';
import { insertObject } from '../storage/insert.ts';
import { expectedOf, placeObject, readObject } from './incoming.ts';

export async function create(machinery: Machinery, request: ResourceRequest): Promise<Reply> {
  const definition = machinery.registry.definitionOf(request.row);
  const object = await readObject<KubeObject>(request, expectedOf(request, definition));
  placeObject(request, object);
  if ((object.metadata.resourceVersion ?? '') !== '') {
    throw badRequest('resourceVersion should not be set on objects to be created');
  }
  delete object.metadata.resourceVersion;
  return storedReply(machinery, request, await insertObject(machinery, request, object), 201);
}
