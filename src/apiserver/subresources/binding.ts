/** `binding`: the scheduler says on which node a pod runs. Once; later bindings are refused. */
import type { KubeObject } from '../../api/client.ts';
import type { Binding, Pod } from '../../api/types.gen.ts';
import { badRequest, conflict, success } from '../errors.ts';
import { placeObject, readObject } from '../handlers/incoming.ts';
import type { Machinery } from '../machinery.ts';
import type { Reply, ResourceRequest } from '../request.ts';
import { rewriteObject } from '../storage/modify.ts';
import { formatTime } from '../../api/time.ts';

function bound(old: KubeObject, { metadata, target }: Binding & KubeObject, now: Date): Pod & KubeObject {
  const pod = structuredClone(old) as Pod & KubeObject;
  const name = pod.metadata.name ?? '';
  const named = { group: '', resource: 'pods/binding' };
  if (metadata.uid !== undefined && metadata.uid !== '' && metadata.uid !== pod.metadata.uid) {
    throw conflict(
      named,
      name,
      `Precondition failed: UID in precondition: ${metadata.uid}, UID in object meta: ${pod.metadata.uid}`,
    );
  }
  if (pod.metadata.deletionTimestamp !== undefined) {
    throw conflict(named, name, `pod ${name} is being deleted, cannot be assigned to a host`);
  }
  const spec = pod.spec ?? { containers: [] };
  if (spec.nodeName) throw conflict(named, name, `pod ${name} is already assigned to node "${spec.nodeName}"`);
  if (spec.schedulingGates?.length) throw conflict(named, name, `pod ${name} has non-empty .spec.schedulingGates`);
  pod.spec = { ...spec, nodeName: target.name ?? '' };
  if (metadata.annotations !== undefined) {
    pod.metadata.annotations = { ...pod.metadata.annotations, ...metadata.annotations };
  }
  const condition = { type: 'PodScheduled', status: 'True', lastTransitionTime: formatTime(now) };
  const conditions = (pod.status?.conditions ?? []).filter(({ type }) => type !== condition.type);
  pod.status = { ...pod.status, conditions: [...conditions, condition] };
  return pod;
}

export async function bind(machinery: Machinery, request: ResourceRequest): Promise<Reply> {
  const binding = await readObject<Binding & KubeObject>(request, {
    apiVersion: 'v1',
    kind: 'Binding',
    definition: 'Binding',
  });
  placeObject(request, binding);
  const { kind = '', name = '' } = binding.target;
  if (kind !== '' && kind !== 'Node')
    throw badRequest(`target.kind: Unsupported value: "${kind}": supported values: "Node"`);
  if (name === '') throw badRequest('target.name: Required value');
  await rewriteObject(machinery, request, (old) => bound(old, binding, machinery.now()));
  return { code: 201, body: success(undefined, 201) };
}
