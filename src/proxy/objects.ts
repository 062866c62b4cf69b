/** The objects that Services are made of, as this node has them in memory. */
import type { Informer, InformerFactory } from '../api/informer.ts';
import { endpointSlices, nodes, services } from '../api/resources.ts';
import type { EndpointSlice, Node, Service } from '../api/types.gen.ts';
import type { Whereabouts } from './model/endpoints.ts';
import { serviceKeyOf } from './model/service-ports.ts';
import type { ObjectSource } from './model/table-keeper.ts';

const zoneLabel = 'topology.kubernetes.io/zone';

export interface ProxyObjects extends ObjectSource {
  readonly services: () => readonly Service[];
  readonly serviceInformer: Informer<Service>;
  readonly sliceInformer: Informer<EndpointSlice>;
  readonly nodeInformer: Informer<Node>;
  /** This node; undefined before it is known. */
  node(): Node | undefined;
  /** Services that name this pod of this node as an endpoint. */
  servicesOfPod(podUid: string): readonly string[];
}

/** Shares the informers of the factory; `leaving` are pods of this node that count as terminating already. */
export function createProxyObjects(
  informers: InformerFactory,
  nodeName: string,
  leaving: ReadonlySet<string>,
): ProxyObjects {
  const serviceInformer = informers.informer(services);
  const sliceInformer = informers.informer(endpointSlices, {
    indexes: {
      service: (slice) => [serviceKeyOf(slice) ?? ''],
      podHere: (slice) =>
        (slice.endpoints ?? []).filter((one) => one.nodeName === nodeName).map(({ targetRef }) => targetRef?.uid ?? ''),
    },
  });
  const nodeInformer = informers.informer(nodes, { fieldSelector: `metadata.name=${nodeName}` });
  const node = (): Node | undefined => nodeInformer.get(nodeName);
  return {
    serviceInformer,
    sliceInformer,
    nodeInformer,
    node,
    services: () => serviceInformer.list(),
    service: (key) => serviceInformer.get(key),
    slicesOf: (key) => sliceInformer.byIndex('service', key),
    servicesOfPod: (podUid) => sliceInformer.byIndex('podHere', podUid).flatMap((slice) => serviceKeyOf(slice) ?? []),
    whereabouts: (): Whereabouts => ({ nodeName, zone: node()?.metadata.labels?.[zoneLabel], leaving }),
  };
}
