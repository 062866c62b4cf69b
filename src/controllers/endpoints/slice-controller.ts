/** EndpointSlices: where the pods of each Service are. */
import { endpointSlices, nodes, pods, services } from '../../api/resources.ts';
import type { Service } from '../../api/types.gen.ts';
import { startController, type ControllerContext } from '../controller.ts';
import { byNamespace, byNode } from '../indexes.ts';
import { addressTypesOf } from './endpoint-facts.ts';
import { endpointGroups } from './endpoint-groups.ts';
import { isSelecting, podsOf, watchSources, type EndpointSources } from './service-pods.ts';
import { managedBy, ownerOfService } from './slice-owner.ts';
import { indexOf, SliceWriter } from './slice-writer.ts';
import { planSlices, type SlicesPlan } from './slices-plan.ts';
import { zoneShares } from './topology.ts';
import { stamped, TriggerTimes } from './trigger-times.ts';

export const podIndexes = {
  namespace: byNamespace,
  node: byNode,
};
export const serviceIndexes = { namespace: byNamespace };

/** Starts the controller; it ends with the context's signal. */
export function startEndpointSliceController(context: ControllerContext): void {
  const { informers } = context;
  const sources: EndpointSources = {
    services: informers.informer(services, { indexes: serviceIndexes }),
    pods: informers.informer(pods, { indexes: podIndexes }),
    nodes: informers.informer(nodes),
  };
  const slices = informers.informer(endpointSlices, { indexes: indexOf(managedBy) });
  const writer = new SliceWriter(context, slices, managedBy);
  const times = new TriggerTimes();

  const planOf = (key: string, service: Service): SlicesPlan => {
    const selected = podsOf(sources, service);
    const time = times.since(service, selected);
    const groups = endpointGroups(service, selected, {
      nodeOf: (name) => sources.nodes.get(name),
      shares: () => zoneShares(sources.nodes.list()),
    });
    const plan = planSlices(ownerOfService(service), addressTypesOf(service), groups, writer.of(key));
    return {
      create: service.metadata.deletionTimestamp === undefined ? plan.create.map((each) => stamped(each, time)) : [],
      update: plan.update.map((each) => stamped(each, time)),
      remove: plan.remove,
    };
  };

  const queue = startController(context, {
    name: 'endpointslice',
    after: [sources.services, sources.pods, sources.nodes, slices],
    reconcile: async (key) => {
      const service = sources.services.get(key);
      if (service === undefined) times.forget(key);
      if (service === undefined || !isSelecting(service)) return undefined;
      return writer.apply(key, planOf(key, service));
    },
  });

  watchSources(sources, (key) => queue.add(key));
  writer.onInterference((key) => queue.add(key));
}
