/** What the scheduler writes: bindings, conditions, events. */
import type { ApiClient } from '../api/client.ts';
import { findCondition } from '../api/conditions.ts';
import type { EventRecorder } from '../api/event-recorder.ts';
import { pods } from '../api/resources.ts';
import { formatTime } from '../api/time.ts';
import type { Binding, Pod } from '../api/types.gen.ts';

interface Writers {
  readonly client: ApiClient;
  readonly events: EventRecorder;
}

/** POSTs the Binding. Rejects with 409 when the pod has a node already. */
export async function bind(client: ApiClient, pod: Pod, node: string): Promise<void> {
  const { namespace, name = '', uid } = pod.metadata;
  const binding: Binding = {
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
    },
    target: { apiVersion: 'v1', kind: 'Node', name: node },
  };
  await client.createSubresource(pods, { namespace, name }, 'binding', binding);
}

export function tellScheduled(events: EventRecorder, pod: Pod, node: string): void {
  const { namespace, name } = pod.metadata;
  const message = `Successfully assigned ${namespace}/${name} to ${node}`;
  events.event({ ...pod, kind: 'Pod', apiVersion: 'v1' }, 'Normal', 'Scheduled', message);
}

/** The PodScheduled condition and an event; both only when they say something new. */
export async function tellUnschedulable({ client, events }: Writers, pod: Pod, message: string): Promise<void> {
  const old = findCondition(pod.status?.conditions, 'PodScheduled');
  if (old?.status === 'False' && old.reason === 'Unschedulable' && old.message === message) return;
  events.event({ ...pod, kind: 'Pod', apiVersion: 'v1' }, 'Warning', 'FailedScheduling', message);
  const since = old?.status === 'False' ? old.lastTransitionTime : undefined;
  const condition = {
    type: 'PodScheduled',
    status: 'False',
    reason: 'Unschedulable',
    message,
    lastTransitionTime: since ?? formatTime(new Date()),
  };
  const { namespace, name = '', uid } = pod.metadata;
  const patch = { metadata: { uid }, status: { conditions: [condition] } };
  await client.patch(pods, { namespace, name }, patch, { type: 'strategic', subresource: 'status' });
}
