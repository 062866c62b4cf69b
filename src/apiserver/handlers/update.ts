/** PUT of an object, or of its status or finalizers. */
import type { KubeObject } from '../../api/client.ts';
import type { Machinery } from '../machinery.ts';
import type { Reply, ResourceRequest } from '../request.ts';
import { storedReply } from '../representations/stored.ts';
import { modifyObject } from '../storage/modify.ts';
import { expectedOf, placeObject, readObject } from './incoming.ts';
import { partOf } from './part.ts';

export async function update(machinery: Machinery, request: ResourceRequest): Promise<Reply> {
  const definition = machinery.registry.definitionOf(request.row);
  const object = await readObject<KubeObject>(request, expectedOf(request, definition));
  placeObject(request, object);
  const stored = await modifyObject(machinery, request, partOf(request), () => structuredClone(object));
  return storedReply(machinery, request, stored);
}
