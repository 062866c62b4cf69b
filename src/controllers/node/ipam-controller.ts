/** Node IPAM: gives each node its part of the cluster's pod CIDR. */
import { isNotFound } from '../../api/errors.ts';
import { keyOf } from '../../api/informer.ts';
import { nodes } from '../../api/resources.ts';
import { startController, withKind, type ControllerContext } from '../controller.ts';
import { CidrPool } from './cidr-pool.ts';

export interface NodeIpamOptions {
  readonly podCIDR: string;
  readonly nodeCIDRMaskSize: number;
}

/** Starts the controller. Throws when the options make no sense. */
export function startNodeIpamController(context: ControllerContext, options: NodeIpamOptions): void {
  const { client, informers, events } = context;
  const pool = new CidrPool(options.podCIDR, options.nodeCIDRMaskSize);
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
      const cidr = pool.take(name);
      if (cidr === undefined) {
        waiting.add(name);
        const message = `Node ${name} status is now: CIDRNotAvailable`;
        events.event(withKind(nodes, node), 'Normal', 'CIDRNotAvailable', message);
        return;
      }
      const patch = { metadata: { uid: node.metadata.uid }, spec: { podCIDR: cidr, podCIDRs: [cidr] } };
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
    const cidr = object.spec?.podCIDR ?? '';
    if (type === 'deleted') {
      if (pool.release(name)) for (const other of waiting) queue.add(other);
    } else if (cidr === '') queue.add(name);
    else if (!pool.occupy(cidr, name)) {
      const message = `Node ${name} has the pod CIDR ${cidr}, which another node has too`;
      events.event(withKind(nodes, object), 'Warning', 'CIDRAssignmentFailed', message);
    }
  });
}
