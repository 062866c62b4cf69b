/** Taint eviction: pods leave nodes with a NoExecute taint when they no longer tolerate it. */
import { isNotFound } from '../../api/errors.ts';
import { keyOf } from '../../api/informer.ts';
import { nodes, pods } from '../../api/resources.ts';
import { formatTime } from '../../api/time.ts';
import type { Node, Pod } from '../../api/types.gen.ts';
import { startController, withKind, type ControllerContext } from '../controller.ts';
import { byNode } from '../indexes.ts';
import { hasEnded } from '../pod-state.ts';
import { semanticEqual } from '../semantic-equal.ts';
import { evictionTime } from './taints.ts';

const podIndexes = { node: byNode };

const isEvicting = (node: Node | undefined): boolean =>
  node?.spec?.taints?.some(({ effect }) => effect === 'NoExecute') ?? false;

/** Starts the controller; it ends with the context's signal. */
export function startTaintEvictionController(context: ControllerContext): void {
  const { client, informers, events, now } = context;
  const nodeInformer = informers.informer(nodes);
  const podInformer = informers.informer(pods, { indexes: podIndexes });

  const evict = async (pod: Pod): Promise<void> => {
    const { namespace, name = '', uid } = pod.metadata;
    const condition = {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'DeletionByTaintManager',
      message: 'Taint manager: deleting due to NoExecute taint',
      lastTransitionTime: formatTime(now()),
    };
    const key = { namespace, name };
    try {
      const patch = { metadata: { uid }, status: { conditions: [condition] } };
      await client.patch(pods, key, patch, { type: 'strategic', subresource: 'status' });
      const message = `Marking for deletion Pod ${namespace}/${name}`;
      events.event(withKind(pods, pod), 'Normal', 'TaintManagerEviction', message);
      await client.delete(pods, key, { preconditions: uid === undefined ? {} : { uid } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  };

  const queue = startController(context, {
    name: 'taint-eviction',
    after: [nodeInformer, podInformer],
    concurrency: 8,
    reconcile: async (key) => {
      const pod = podInformer.get(key);
      if (pod === undefined || pod.metadata.deletionTimestamp !== undefined || hasEnded(pod)) return;
      const taints = nodeInformer.get(pod.spec?.nodeName ?? '')?.spec?.taints ?? [];
      const since = Date.parse(pod.metadata.creationTimestamp ?? '') || 0;
      const time = evictionTime(taints, pod.spec?.tolerations ?? [], since);
      if (time === undefined) return;
      const waitMs = time - now().getTime();
      if (waitMs > 0) return { requeueAfterMs: Math.min(waitMs, 24 * 3600 * 1000) };
      await evict(pod);
    },
  });

  podInformer.onChange(({ type, object }) => {
    if (type !== 'deleted' && isEvicting(nodeInformer.get(object.spec?.nodeName ?? ''))) queue.add(keyOf(object));
  });
  nodeInformer.onChange(({ type, object, previous }) => {
    if (type === 'deleted' || !isEvicting(object)) return;
    if (previous !== undefined && semanticEqual(previous.spec?.taints, object.spec?.taints)) return;
    for (const pod of podInformer.byIndex('node', keyOf(object))) queue.add(keyOf(pod));
  });
}
