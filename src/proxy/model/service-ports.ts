/** One Service and its EndpointSlices turned into ports of the table. Pure. */
import { familyOf, formatCIDR, formatIP, parseIP, tryParseCIDR } from '../../api/addresses.ts';
import { keyOf } from '../../api/informer.ts';
import type { EndpointSlice, Service } from '../../api/types.gen.ts';
import type { Family } from '../../kernel/family.ts';
import { answering, candidatesOf, type Whereabouts } from './endpoints.ts';
import type { Protocol, ServicePort } from './service-port.ts';

/** Set on what another proxy serves, or on what belongs to a headless Service: on Services and on EndpointSlices alike. */
const proxyNameLabel = 'service.kubernetes.io/service-proxy-name';
const headlessLabel = 'service.kubernetes.io/headless';
/** On an EndpointSlice: the Service it belongs to. */
export const serviceNameLabel = 'kubernetes.io/service-name';

const defaultAffinitySeconds = 10_800;

/** The `namespace/name` of the Service a slice belongs to. */
export function serviceKeyOf(slice: EndpointSlice): string | undefined {
  const name = slice.metadata.labels?.[serviceNameLabel];
  return name === undefined ? undefined : `${slice.metadata.namespace ?? ''}/${name}`;
}

/** Whether rules are made for it: headless ones and ExternalName are DNS's, and some belong to another proxy. */
export function isProxied({ spec, metadata }: Service): boolean {
  const ip = spec?.clusterIP ?? '';
  return ip !== '' && ip !== 'None' && spec?.type !== 'ExternalName' && !isLeftAlone({ metadata });
}

function isLeftAlone({ metadata: { labels = {} } }: Pick<Service, 'metadata'>): boolean {
  return proxyNameLabel in labels || headlessLabel in labels;
}

type Spec = NonNullable<Service['spec']>;
type Shared = Omit<ServicePort, 'name' | 'protocol' | 'port' | 'nodePort' | 'endpoints' | 'localEndpoints' | 'serving'>;

function ofFamily(addresses: readonly (string | undefined)[], family: Family): string[] {
  const canonical = addresses
    .flatMap((text) => parseIP(text ?? '') ?? [])
    .filter((one) => one.family === family.version);
  return [...new Set(canonical.map(formatIP))];
}

/** Canonical CIDRs of this family; what is no CIDR is left out, and with it nobody is let in. */
function sourceRanges({ loadBalancerSourceRanges: ranges = [] }: Spec, family: Family): string[] | undefined {
  if (ranges.length === 0) return undefined;
  const found = ranges
    .flatMap((text) => tryParseCIDR(text.trim()) ?? [])
    .filter((one) => one.family === family.version);
  const everybody = found.some(({ prefixLength }) => prefixLength === 0);
  return everybody ? undefined : [...new Set(found.map(formatCIDR))].sort();
}

function affinitySeconds({ sessionAffinity, sessionAffinityConfig }: Spec): number | undefined {
  if (sessionAffinity !== 'ClientIP') return undefined;
  return sessionAffinityConfig?.clientIP?.timeoutSeconds ?? defaultAffinitySeconds;
}

function sharedParts(service: Service, spec: Spec, family: Family): Shared {
  const ingress = spec.type === 'LoadBalancer' ? (service.status?.loadBalancer?.ingress ?? []) : [];
  return {
    service: keyOf(service),
    clusterIPs: ofFamily(spec.clusterIPs?.length ? spec.clusterIPs : [spec.clusterIP], family),
    externalIPs: ofFamily(spec.externalIPs ?? [], family),
    loadBalancerIPs: ofFamily(
      ingress.filter(({ ipMode }) => (ipMode ?? 'VIP') === 'VIP').map(({ ip }) => ip),
      family,
    ),
    sourceRanges: sourceRanges(spec, family),
    internalPolicy: spec.internalTrafficPolicy === 'Local' ? 'Local' : 'Cluster',
    externalPolicy: spec.externalTrafficPolicy === 'Local' ? 'Local' : 'Cluster',
    affinitySeconds: affinitySeconds(spec),
  };
}

/** The ports of a Service in one family; none when it has no cluster IP there or nothing is to be programmed for it. */
export function servicePorts(
  service: Service,
  slices: readonly EndpointSlice[],
  family: Family,
  where: Whereabouts,
): readonly ServicePort[] {
  const { spec } = service;
  if (spec === undefined || !isProxied(service)) return [];
  const shared = sharedParts(service, spec, family);
  if (shared.clusterIPs.length === 0) return [];
  const mine = slices.filter((slice) => slice.addressType === `IPv${family.version}` && !isLeftAlone(slice));
  return (spec.ports ?? []).map((port): ServicePort => {
    const protocol = (port.protocol ?? 'TCP').toLowerCase() as Protocol;
    return {
      ...shared,
      name: port.name ? `${shared.service}:${port.name}` : shared.service,
      protocol,
      port: port.port,
      nodePort: port.nodePort || undefined,
      ...answering(candidatesOf(mine, port.name ?? '', protocol, where), where),
    };
  });
}

/** A Service that a load balancer asks about before it sends anything here (`healthCheckNodePort`). */
export interface HealthCheck {
  /** `namespace/name` */
  readonly service: string;
  readonly port: number;
  /** Pods of this node that are ready; one that ends does not count, so that the load balancer moves on. */
  readonly localEndpoints: number;
}

/** Undefined for a Service that nobody asks about. */
export function healthCheckOf(
  service: Service,
  slices: readonly EndpointSlice[],
  { nodeName, leaving }: Whereabouts,
): HealthCheck | undefined {
  const { spec } = service;
  const port = spec?.healthCheckNodePort;
  if (!port || spec?.type !== 'LoadBalancer' || spec.externalTrafficPolicy !== 'Local') return undefined;
  const ready = slices.flatMap(({ endpoints }) =>
    (endpoints ?? []).filter(
      (one) =>
        one.nodeName === nodeName &&
        one.conditions?.ready !== false &&
        leaving?.has(one.targetRef?.uid ?? '') !== true &&
        familyOf(one.addresses[0] ?? '') !== undefined,
    ),
  );
  const who = ready.map(({ targetRef, addresses }) => targetRef?.uid ?? addresses[0]);
  return { service: keyOf(service), port, localEndpoints: new Set(who).size };
}
