/** Endpoints (core/v1): the older form of the same facts, one object a Service. */
import type { KubeObject } from '../../api/client.ts';
import { keyOf } from '../../api/informer.ts';
import { endpoints, nodes, pods, services } from '../../api/resources.ts';
import type { Endpoints, Service } from '../../api/types.gen.ts';
import { namespacedKey, startController, unlessGone, type ControllerContext } from '../controller.ts';
import { isNamespaceTerminating } from '../namespace/terminating.ts';
import { OwnWrites } from '../own-writes.ts';
import { semanticEqual } from '../semantic-equal.ts';
import { isHeadless } from './endpoint-facts.ts';
import { isSelecting, podsOf, watchSources, type EndpointSources } from './service-pods.ts';
import { podIndexes, serviceIndexes } from './slice-controller.ts';
import { headlessLabel } from './slice-owner.ts';
import { subsetsOf, truncated } from './subsets.ts';

const managedByLabel = 'endpoints.kubernetes.io/managed-by';
const managedBy = 'endpoint-controller';
const overCapacity = 'endpoints.kubernetes.io/over-capacity';

/** The object as it should be; what is not ours in `current` stays. */
function desired(service: Service, current: Endpoints | undefined, sources: EndpointSources): Endpoints {
  const cut = truncated(subsetsOf(service, podsOf(sources, service)));
  const { namespace, name } = service.metadata;
  const annotations = { ...current?.metadata.annotations };
  delete annotations[overCapacity];
  const labels = { ...service.metadata.labels };
  delete labels[headlessLabel];
  const own: KubeObject['metadata'] = current?.metadata ?? {
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
  };
  return {
    ...current,
    metadata: {
      ...own,
      labels: { ...labels, [managedByLabel]: managedBy, ...(isHeadless(service) ? { [headlessLabel]: '' } : {}) },
      annotations: cut.truncated ? { ...annotations, [overCapacity]: 'truncated' } : annotations,
    },
    subsets: cut.subsets,
  };
}

/** Starts the controller; it ends with the context's signal. */
export function startEndpointsController(context: ControllerContext): void {
  const { client, informers } = context;
  const sources: EndpointSources = {
    services: informers.informer(services, { indexes: serviceIndexes }),
    pods: informers.informer(pods, { indexes: podIndexes }),
    nodes: informers.informer(nodes),
  };
  const known = informers.informer(endpoints);
  const writes = new OwnWrites<Endpoints>(known);

  /** Endpoints of a Service that has gone go too; those that nobody but people made stay. */
  const remove = async (key: string): Promise<void> => {
    const current = writes.get(key);
    if (current?.metadata.labels?.[managedByLabel] !== managedBy) return;
    await unlessGone(client.delete(endpoints, namespacedKey(key)));
    writes.deleted('', current);
  };

  const queue = startController(context, {
    name: 'endpoints',
    after: [sources.services, sources.pods, known],
    reconcile: async (key) => {
      const service = sources.services.get(key);
      if (service === undefined) return remove(key);
      if (!isSelecting(service)) return;
      const current = writes.get(key);
      const next = desired(service, current, sources);
      if (current !== undefined && semanticEqual(current, next)) return;
      try {
        const written = await (current === undefined ? client.create(endpoints, next) : client.update(endpoints, next));
        writes.wrote('', written);
      } catch (error) {
        if (!isNamespaceTerminating(error)) throw error;
      }
    },
  });

  watchSources(sources, (key) => queue.add(key));
  known.onChange(({ type, object }) => {
    if (type === 'deleted' || !writes.isOwn(object)) queue.add(keyOf(object));
  });
}
