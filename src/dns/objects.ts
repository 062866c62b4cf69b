/** The objects of the API that names are made of, in memory. */
import { formatIP, parseIP } from '../api/addresses.ts';
import type { Informer, InformerFactory } from '../api/informer.ts';
import { endpointSlices, namespaces, pods, services } from '../api/resources.ts';
import type { EndpointSlice, Namespace, Pod, Service } from '../api/types.gen.ts';
import type { ClusterObjects } from './zone/cluster-objects.ts';

export interface DnsObjects extends ClusterObjects {
  /** Resolves when all of them are known. */
  readonly synced: Promise<void>;
  /** Whether the server is heard, so that what is not here is not there. */
  isCurrent(): boolean;
  /** Changes with every change of a Service, an EndpointSlice or a namespace. */
  generation(): number;
  /** The namespace of the pod with this address. */
  namespaceOf(ip: string): string | undefined;
}

const canonical = (text: string): string => {
  const address = parseIP(text);
  return address === undefined ? '' : formatIP(address);
};

/** Of a pod only where it is and what addresses it has. A pod of the host's network has no search list of its own to tell. */
function keepOfPod({ metadata: { namespace, name, uid, resourceVersion }, spec, status }: Pod): Pod {
  const podIPs = spec?.hostNetwork === true || isOver(status) ? [] : (status?.podIPs ?? []);
  return {
    metadata: {
      ...(namespace === undefined ? {} : { namespace }),
      ...(name === undefined ? {} : { name }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    },
    status: { podIPs },
  };
}

const isOver = (status: Pod['status']): boolean => status?.phase === 'Succeeded' || status?.phase === 'Failed';

function keepOfNamespace({ metadata: { name, uid, resourceVersion } }: Namespace): Namespace {
  return {
    metadata: {
      ...(name === undefined ? {} : { name }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    },
  };
}

/** Looks into the informers each time; `withPods`: to walk the search list of pods, at the price of knowing them all. */
export function createDnsObjects(informers: InformerFactory, withPods: boolean): DnsObjects {
  const ofServices = informers.informer(services, {
    indexes: {
      ip: ({ spec }: Service) => (spec?.clusterIPs?.length ? spec.clusterIPs : [spec?.clusterIP ?? '']).map(canonical),
    },
  });
  const ofSlices = informers.informer(endpointSlices, {
    indexes: {
      service: ({ metadata }: EndpointSlice) => [
        `${metadata.namespace ?? ''}/${metadata.labels?.['kubernetes.io/service-name'] ?? ''}`,
      ],
      ip: ({ endpoints }: EndpointSlice) => [
        ...new Set((endpoints ?? []).map((one) => canonical(one.addresses[0] ?? ''))),
      ],
    },
  });
  const ofNamespaces = informers.informer(namespaces, { keep: keepOfNamespace });
  const ofPods = withPods
    ? informers.informer(pods, {
        keep: keepOfPod,
        indexes: { ip: ({ status }: Pod) => (status?.podIPs ?? []).map(({ ip }) => canonical(ip)) },
      })
    : undefined;
  const authoritative: readonly Pick<Informer<never>, 'isCurrent'>[] = [ofServices, ofSlices, ofNamespaces];
  let generation = 1;
  const changed = (): void => {
    generation = (generation % 0xffff_ffff) + 1;
  };
  ofServices.onChange(changed);
  ofSlices.onChange(changed);
  ofNamespaces.onChange(changed);
  return {
    synced: Promise.all([ofServices.synced, ofSlices.synced, ofNamespaces.synced, ofPods?.synced]).then(
      () => undefined,
    ),
    isCurrent: () => authoritative.every((one) => one.isCurrent),
    generation: () => generation,
    namespaceOf: (ip) => ofPods?.byIndex('ip', ip)[0]?.metadata.namespace,
    service: (namespace, name) => ofServices.get(`${namespace}/${name}`),
    hasNamespace: (name) => ofNamespaces.get(name) !== undefined,
    slicesOf: (namespace, name) => ofSlices.byIndex('service', `${namespace}/${name}`),
    servicesAt: (ip) => ofServices.byIndex('ip', ip),
    slicesAt: (ip) => ofSlices.byIndex('ip', ip),
  };
}
