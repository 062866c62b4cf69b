/** EndpointSlices: where the pods of each Service are. */
import { isAlreadyExists, isNotFound } from '../../api/errors.ts';
import { endpointSlices, nodes, pods, services } from '../../api/resources.ts';
import type { EndpointSlice, Service } from '../../api/types.gen.ts';
import { startController, unlessGone, type ControllerContext } from '../controller.ts';
import { byNamespace, byNode } from '../indexes.ts';
import { isNamespaceTerminating } from '../namespace/terminating.ts';
import { OwnWrites } from '../own-writes.ts';
import { randomName } from '../random-name.ts';
import { addressTypesOf } from './endpoint-facts.ts';
import { endpointGroups } from './endpoint-groups.ts';
import { isSelecting, podsOf, watchSources, type EndpointSources } from './service-pods.ts';
import { managedBy, managedByLabel, planSlices, serviceNameLabel, type SlicesPlan } from './slices-plan.ts';

const sliceIndexes = {
  service: (slice: EndpointSlice): string[] => {
    const key = serviceKeyOf(slice);
    return key === undefined ? [] : [key];
  },
};
export const podIndexes = {
  namespace: byNamespace,
  node: byNode,
};
export const serviceIndexes = { namespace: byNamespace };

/** The Service of a slice that is ours. */
function serviceKeyOf({ metadata: { namespace, labels } }: EndpointSlice): string | undefined {
  const name = labels?.[serviceNameLabel];
  return name === undefined || labels?.[managedByLabel] !== managedBy ? undefined : `${namespace}/${name}`;
}

/** Starts the controller; it ends with the context's signal. */
export function startEndpointSliceController(context: ControllerContext): void {
  const { client, informers } = context;
  const sources: EndpointSources = {
    services: informers.informer(services, { indexes: serviceIndexes }),
    pods: informers.informer(pods, { indexes: podIndexes }),
    nodes: informers.informer(nodes),
  };
  const slices = informers.informer(endpointSlices, { indexes: sliceIndexes });
  const writes = new OwnWrites<EndpointSlice>(slices);

  const apply = async (key: string, service: Service, plan: SlicesPlan): Promise<void> => {
    const creates = service.metadata.deletionTimestamp === undefined ? plan.create : [];
    await Promise.all([
      ...creates.map(async (slice) => {
        const name = randomName(slice.metadata.generateName ?? '');
        writes.wrote(key, await client.create(endpointSlices, { ...slice, metadata: { ...slice.metadata, name } }));
      }),
      ...plan.update.map(async (slice) => writes.wrote(key, await client.update(endpointSlices, slice))),
      ...plan.remove.map(async (slice) => {
        const { namespace, name = '' } = slice.metadata;
        await unlessGone(client.delete(endpointSlices, { namespace, name }));
        writes.deleted(key, slice);
      }),
    ]);
  };

  const queue = startController(context, {
    name: 'endpointslice',
    after: [sources.services, sources.pods, sources.nodes, slices],
    reconcile: async (key) => {
      const service = sources.services.get(key);
      if (service === undefined || !isSelecting(service)) return;
      const groups = endpointGroups(service, podsOf(sources, service), (name) => sources.nodes.get(name));
      const existing = writes.list(key, slices.byIndex('service', key));
      try {
        await apply(key, service, planSlices(service, addressTypesOf(service), groups, existing));
      } catch (error) {
        if (isNamespaceTerminating(error)) return;
        if (isAlreadyExists(error) || isNotFound(error)) return { requeueAfterMs: 20 };
        throw error;
      }
    },
  });

  watchSources(sources, (key) => queue.add(key));
  // Somebody else changed or deleted a slice of ours.
  slices.onChange(({ type, object, previous }) => {
    const key = serviceKeyOf(object) ?? (previous === undefined ? undefined : serviceKeyOf(previous));
    if (key === undefined || type === 'added') return;
    if (writes.isOwn(object)) return;
    queue.add(key);
  });
}
