/** Of each object of the API only what names are made of, so that a large cluster fits into a small memory and a small file. Pure. */
import { formatIP, parseIP } from '../api/addresses.ts';
import type { EndpointSlice, Namespace, Pod, Service } from '../api/types.gen.ts';

const serviceLabel = 'kubernetes.io/service-name';

type Metadata = Service['metadata'];
type Ports = NonNullable<EndpointSlice['ports']>;

/** Equal texts and lists once: there are thousands of `http`, `TCP` and of each namespace. Forgotten when there are too many. */
const maxShared = 4_096;
const sharedTexts = new Map<string, string>();
const sharedPorts = new Map<string, Ports>();

function shared<T>(known: Map<string, T>, key: string, value: T): T {
  const found = known.get(key);
  if (found !== undefined) return found;
  if (known.size >= maxShared) known.clear();
  known.set(key, value);
  return value;
}

const text = (value: string): string => shared(sharedTexts, value, value);

/** Without UID and version: what is the same by name and content is the same to us. */
function keptMetadata({ namespace, name }: Metadata): Metadata {
  return {
    ...(namespace === undefined ? {} : { namespace: text(namespace) }),
    ...(name === undefined ? {} : { name }),
  };
}

function keptPorts(ports: Ports): Ports {
  const kept = ports.map(({ name, protocol = 'TCP', port }) => ({
    ...(name === undefined ? {} : { name }),
    protocol,
    ...(port === undefined ? {} : { port }),
  }));
  return shared(sharedPorts, JSON.stringify(kept), kept);
}

export function keepOfService({ metadata, spec = {} }: Service): Service {
  const { clusterIP, clusterIPs, type, externalName, ports } = spec;
  return {
    metadata: keptMetadata(metadata),
    spec: {
      ...(clusterIP === undefined ? {} : { clusterIP }),
      ...((clusterIPs?.length ?? 0) > 1 ? { clusterIPs } : {}),
      ...(type === 'ExternalName' ? { type, externalName: externalName ?? '' } : {}),
      ...(ports === undefined ? {} : { ports: keptPorts(ports) as NonNullable<Service['spec']>['ports'] & object }),
    },
  };
}

/** Of an endpoint one address, its hostname, and whether it is not ready. */
export function keepOfSlice({ metadata, addressType, ports, endpoints }: EndpointSlice): EndpointSlice {
  const service = metadata.labels?.[serviceLabel];
  return {
    metadata: { ...keptMetadata(metadata), ...(service === undefined ? {} : { labels: { [serviceLabel]: service } }) },
    addressType,
    ...(ports === undefined ? {} : { ports: keptPorts(ports) }),
    endpoints: (endpoints ?? []).map(({ addresses, hostname, conditions }) => ({
      addresses: addresses.slice(0, 1),
      ...(hostname ? { hostname } : {}),
      ...(conditions?.ready === false ? { conditions: { ready: false } } : {}),
    })),
  };
}

export function keepOfNamespace({ metadata }: Namespace): Namespace {
  return { metadata: keptMetadata(metadata) };
}

const isOver = (status: Pod['status']): boolean => status?.phase === 'Succeeded' || status?.phase === 'Failed';

/** Where it is and what addresses it has. A pod of the host's network has no search list of its own to tell. */
export function keepOfPod({ metadata, spec, status }: Pod): Pod {
  const podIPs = spec?.hostNetwork === true || isOver(status) ? [] : (status?.podIPs ?? []);
  return { metadata: keptMetadata(metadata), status: { podIPs } };
}

export function canonical(text: string): string {
  const address = parseIP(text);
  return address === undefined ? '' : formatIP(address);
}

/** `namespace/name` of the Service that a slice is of. */
export function serviceOfSlice({ metadata }: EndpointSlice): string {
  return `${metadata.namespace ?? ''}/${metadata.labels?.[serviceLabel] ?? ''}`;
}

/** What objects are looked up by; the same for those of the API and those of a file. */
export const serviceIndexes = {
  ip: ({ spec }: Service): readonly string[] => (spec?.clusterIPs ?? [spec?.clusterIP ?? '']).map(canonical),
};
export const sliceIndexes = {
  service: (slice: EndpointSlice): readonly string[] => [serviceOfSlice(slice)],
  ip: ({ endpoints }: EndpointSlice): readonly string[] => [
    ...new Set((endpoints ?? []).map((one) => canonical(one.addresses[0] ?? ''))),
  ],
};
export const podIndexes = {
  ip: ({ status }: Pod): readonly string[] => (status?.podIPs ?? []).map(({ ip }) => canonical(ip)),
};
