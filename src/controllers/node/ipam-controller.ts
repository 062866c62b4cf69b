/** Node IPAM: gives each node its part of the cluster's pod CIDRs. */
import { isNotFound } from '../../api/errors.ts';
import { keyOf } from '../../api/informer.ts';
import { nodes } from '../../api/resources.ts';
import { startController, withKind, type ControllerContext } from '../controller.ts';
import { NodeRanges, type PodRange } from './node-ranges.ts';

export interface NodeIpamOptions {
  /** One, or one of each family; the first is the default. */
  readonly podRanges: readonly PodRange[];
}

/** Starts the controller. Throws when the options make no sense. */
export function startNodeIpamController(context: ControllerContext, options: NodeIpamOptions): void {
  const { client, informers, events } = context;
  const pool = new NodeRanges(options.podRanges);
  const known = informers.informer(nodes);
  const waiting = new Set<string>();

  const queue = startController(context, {
    name: 'node-ipam',
    after: [known],
    concurrency: 1,
    reconcile: async (name) => {
      const node = known.get(name);
      if (node === undefined || (node.spec?.podCIDR ?? '') !== '') {
        waiting.delete(name);
        return;
      }
      const cidrs = pool.take(name);
      const [first] = cidrs ?? [];
      if (cidrs === undefined || first === undefined) {
        waiting.add(name);
        const message = `Node ${name} status is now: CIDRNotAvailable`;
        events.event(withKind(nodes, node), 'Normal', 'CIDRNotAvailable', message);
        return;
      }
      const patch = { metadata: { uid: node.metadata.uid }, spec: { podCIDR: first, podCIDRs: cidrs } };
      try {
        await client.patch(nodes, { name }, patch, { type: 'merge' });
        waiting.delete(name);
      } catch (error) {
        // After a lost answer the write may have been done: the node keeps this CIDR and is offered the same again.
        if (isNotFound(error)) pool.release(name);
        else throw error;
      }
    },
  });

  // Handlers run before any key is worked on, so the pool knows all that is taken before it gives anything away.
  known.onChange(({ type, object }) => {
    const name = keyOf(object);
    const { podCIDR = '', podCIDRs = [podCIDR] } = object.spec ?? {};
    if (type === 'deleted') {
      if (pool.release(name)) for (const other of waiting) queue.add(other);
    } else if (podCIDR === '') queue.add(name);
    else
      for (const cidr of pool.occupy(podCIDRs, name)) {
        const message = `Node ${name} has the pod CIDR ${cidr}, which another node has too`;
        events.event(withKind(nodes, object), 'Warning', 'CIDRAssignmentFailed', message);
      }
  });
}
