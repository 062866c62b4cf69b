/** `scale`: how many replicas, as autoscaling/v1 Scale, of whatever has `spec.replicas`. */
import type { KubeObject } from '../../api/client.ts';
import type { LabelSelector, Scale } from '../../api/types.gen.ts';
import type { StoredValue } from '../../store/contract.ts';
import { badRequest } from '../errors.ts';
import { acceptObject, placeObject, readObject, type Expected } from '../handlers/incoming.ts';
import { patchOf } from '../handlers/patch.ts';
import type { Machinery } from '../machinery.ts';
import type { Reply, ResourceRequest } from '../request.ts';
import type { ResourceRow } from '../resource.ts';
import { objectAt } from '../storage/codec.ts';
import { modifyObject, storedObject } from '../storage/modify.ts';
import { printSelector } from '../validation/label-selector.ts';

/** What an object must look like to be scaled. */
type Scalable = KubeObject & {
  spec?: { replicas?: number; selector?: LabelSelector };
  status?: { replicas?: number };
};

const expected: Expected = { apiVersion: 'autoscaling/v1', kind: 'Scale', definition: 'Scale' };

function scaleOf(row: ResourceRow, object: Scalable): Scale {
  const { metadata, spec, status } = object;
  const selector = row.strategy.podSelector?.(object) ?? spec?.selector;
  const { name = '', namespace = '', uid = '', resourceVersion = '', creationTimestamp } = metadata;
  return {
    kind: expected.kind,
    apiVersion: expected.apiVersion,
    metadata: { name, namespace, uid, resourceVersion, ...(creationTimestamp !== undefined && { creationTimestamp }) },
    spec: { replicas: spec?.replicas ?? 0 },
    status: {
      replicas: status?.replicas ?? 0,
      selector: selector === undefined ? '' : printSelector(selector),
    },
  };
}

const reply = (row: ResourceRow, { value, modRevision }: StoredValue): Reply => ({
  code: 200,
  body: scaleOf(row, objectAt(value, modRevision)),
});

/** The object with a Scale's number; the Scale's resourceVersion and uid are the object's conditions. */
function scaled(old: KubeObject, { metadata, spec }: Scale): Scalable {
  const replicas = spec?.replicas ?? 0;
  if (replicas < 0) throw badRequest('spec.replicas: Invalid value: must be greater than or equal to 0');
  const object = structuredClone(old) as Scalable;
  const { resourceVersion = '', uid = '' } = metadata ?? {};
  if (resourceVersion !== '') object.metadata.resourceVersion = resourceVersion;
  if (uid !== '') object.metadata.uid = uid;
  object.spec = { ...object.spec, replicas };
  return object;
}

export async function getScale(machinery: Machinery, request: ResourceRequest): Promise<Reply> {
  return reply(request.row, storedObject(machinery, request));
}

export async function updateScale(machinery: Machinery, request: ResourceRequest): Promise<Reply> {
  const scale = await readObject<Scale & KubeObject>(request, expected);
  placeObject(request, scale);
  return reply(request.row, await modifyObject(machinery, request, 'main', (old) => scaled(old, scale)));
}

export async function patchScale(machinery: Machinery, request: ResourceRequest): Promise<Reply> {
  const apply = patchOf(request.contentType, await request.body(), expected.definition);
  const stored = await modifyObject(machinery, request, 'main', (old) =>
    scaled(old, acceptObject<Scale>(request, apply(scaleOf(request.row, old)), expected)),
  );
  return reply(request.row, stored);
}
