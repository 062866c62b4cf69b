/** PATCH of an object or of its status: JSON patch, merge patch, strategic merge patch. */
import type { KubeObject } from '../../api/client.ts';
import { apiError } from '../../api/errors.ts';
import { applyJsonPatch } from '../../api/patch/json.ts';
import { applyMergePatch } from '../../api/patch/merge.ts';
import { applyStrategicPatch } from '../../api/patch/strategic.ts';
import { badRequest, unsupportedMediaType } from '../errors.ts';
import { parseBody } from '../http/body.ts';
import type { Machinery } from '../machinery.ts';
import type { Reply, ResourceRequest } from '../request.ts';
import { storedReply } from '../representations/stored.ts';
import { modifyObject } from '../storage/modify.ts';
import { acceptObject, expectedOf, placeObject } from './incoming.ts';
import { partOf } from './part.ts';

type Apply = (object: unknown, patch: unknown, definition: string) => unknown;

const patchTypes: Readonly<Record<string, Apply>> = {
  'application/json-patch+json': (object, patch) => applyJsonPatch(object, patch),
  'application/merge-patch+json': (object, patch) => applyMergePatch(object, patch),
  'application/strategic-merge-patch+json': (object, patch, definition) =>
    applyStrategicPatch(object, patch, definition),
};

/** What a body of this type does to an object. Throws 415. */
export function patchOf(contentType: string, body: Buffer, definition: string): (object: unknown) => unknown {
  if (contentType.startsWith('application/apply-patch')) {
    const message = 'server-side apply is not served here yet: use kubectl apply without --server-side';
    throw apiError({ code: 415, reason: 'UnsupportedMediaType', message });
  }
  const apply = Object.hasOwn(patchTypes, contentType) ? patchTypes[contentType] : undefined;
  if (apply === undefined) throw unsupportedMediaType(Object.keys(patchTypes));
  const patch = parseBody(body, 'application/json');
  if (patch === null || typeof patch !== 'object') throw badRequest('the patch is neither an object nor a list');
  return (object) => apply(object, patch, definition);
}

export async function patch(machinery: Machinery, request: ResourceRequest): Promise<Reply> {
  const definition = machinery.registry.definitionOf(request.row);
  const apply = patchOf(request.contentType, await request.body(), definition);
  const stored = await modifyObject(machinery, request, partOf(request), (old) => {
    const patched = acceptObject<KubeObject>(request, apply(old), expectedOf(request, definition));
    placeObject(request, patched);
    return patched;
  });
  return storedReply(machinery, request, stored);
}
