/** What a name of the cluster's zone has: the Kubernetes DNS specification 1.1.0, as a function. Pure. */
import { familyOf, formatIP, parseIP } from '../../api/addresses.ts';
import type { Service } from '../../api/types.gen.ts';
import { types, type DnsName, type RecordData } from '../wire/types.ts';
import type { ClusterObjects } from './cluster-objects.ts';
import { endpointsOf, portsOf, type NamedEndpoint, type NamedPort } from './endpoints.ts';

/** Version of the specification, told at `dns-version.ZONE`. */
const specVersion = '1.1.0';

/**
 * The records of a name, of every type; empty for one that is there only because others are below it. Undefined: no object gives it
 * that name now; `never`: none ever can, whatever the cluster holds.
 */
export type Records = readonly RecordData[] | undefined | 'never';

/** `_port._protocol.SERVICE.NAMESPACE` */
const maxLabelsOfService = 4;

const addressRecord = (ip: string): RecordData => ({
  type: familyOf(ip) === 6 ? types.AAAA : types.A,
  address: ip,
});

/** Names of this Service, in full. */
function serviceName({ metadata }: Service, zone: DnsName): DnsName {
  return `${metadata.name ?? ''}.${metadata.namespace ?? ''}.svc.${zone}`.toLowerCase();
}

function clusterIPsOf({ spec }: Service): readonly string[] {
  const all = spec?.clusterIPs?.length ? spec.clusterIPs : [spec?.clusterIP ?? ''];
  return all.flatMap((text) => parseIP(text) ?? []).map(formatIP);
}

const isHeadless = ({ spec }: Service): boolean => spec?.clusterIP === 'None';

interface ServiceFacts {
  readonly service: Service;
  readonly name: DnsName;
  readonly endpoints: readonly NamedEndpoint[];
  readonly ports: readonly NamedPort[];
}

function factsOf(service: Service, objects: ClusterObjects, zone: DnsName): ServiceFacts {
  const { namespace = '', name = '' } = service.metadata;
  const slices = isHeadless(service) ? objects.slicesOf(namespace, name) : [];
  const own = (service.spec?.ports ?? []).map(({ name: port = '', protocol = 'TCP', port: number }): NamedPort => ({
    name: port,
    protocol: protocol.toLowerCase(),
    port: number,
  }));
  return {
    service,
    name: serviceName(service, zone),
    endpoints: endpointsOf(slices),
    // A headless Service passes on the pods' own ports.
    ports: isHeadless(service) ? portsOf(slices) : own,
  };
}

/** SRV records lead to the Service's one name, or to the name of each endpoint. */
function srvRecords({ service, name, endpoints, ports }: ServiceFacts): RecordData[] {
  const targets = isHeadless(service) ? [...new Set(endpoints.map(({ label }) => `${label}.${name}`))] : [name];
  const weight = Math.max(1, Math.floor(100 / Math.max(1, targets.length * ports.length)));
  return ports.flatMap(({ port }) =>
    targets.map((target): RecordData => ({ type: types.SRV, priority: 0, weight, port, target })),
  );
}

function ownRecords(facts: ServiceFacts): Records {
  const { service, endpoints } = facts;
  const external = service.spec?.type === 'ExternalName' ? service.spec.externalName : undefined;
  if (external !== undefined) return [{ type: types.CNAME, target: external.replace(/\.$/, '').toLowerCase() }];
  if (!isHeadless(service)) return [...clusterIPsOf(service).map(addressRecord), ...srvRecords(facts)];
  // Without endpoints it is there all the same: its records are only missing now.
  return [...endpoints.map(({ ip }) => addressRecord(ip)), ...srvRecords(facts)];
}

/** Below a Service: an endpoint's name, `_port._protocol`, or `_protocol` that only leads on. */
function recordsBelow(labels: readonly string[], facts: ServiceFacts): Records {
  const [first = '', second] = labels;
  if (labels.length === 1 && !first.startsWith('_')) {
    const named = facts.endpoints.filter(({ label }) => label === first);
    return named.length === 0 ? undefined : named.map(({ ip }) => addressRecord(ip));
  }
  const protocol = labels.length === 1 ? first : second;
  const ports = facts.ports.filter((port) => `_${port.protocol}` === protocol);
  if (labels.length === 1) return ports.length === 0 ? undefined : [];
  const named =
    labels.length === 2 ? ports.filter(({ name }) => name !== '' && `_${name.toLowerCase()}` === first) : [];
  return named.length === 0 ? undefined : srvRecords({ ...facts, ports: named });
}

/** `10-45-1-2.NAMESPACE.pod`: the address that the name says, as long as the namespace is there. */
function podRecords(labels: readonly string[], objects: ClusterObjects): Records {
  if (labels.length === 0) return [];
  const [first = ''] = labels;
  const address = parseIP(first.replaceAll('-', '.')) ?? parseIP(first.replaceAll('-', ':'));
  if (labels.length > 2 || (labels.length === 2 && address === undefined)) return 'never';
  if (!objects.hasNamespace(labels.at(-1) ?? '')) return undefined;
  return labels.length === 1 || address === undefined ? [] : [addressRecord(formatIP(address))];
}

const canBeOfService = (labels: readonly string[]): boolean =>
  labels.length < maxLabelsOfService ||
  (labels.length === maxLabelsOfService && labels.slice(0, 2).every((label) => label.startsWith('_')));

/** `namespace/name` of the Service that a name is of, or would be. */
export function serviceNamedBy(relative: string): string | undefined {
  const labels = relative.split('.');
  return labels.length > 2 && labels.at(-1) === 'svc' ? `${labels.at(-2)}/${labels.at(-3)}` : undefined;
}

function serviceRecords(labels: readonly string[], objects: ClusterObjects, zone: DnsName): Records {
  if (labels.length === 0) return [];
  if (!canBeOfService(labels)) return 'never';
  const namespace = labels.at(-1) ?? '';
  if (!objects.hasNamespace(namespace)) return undefined;
  if (labels.length === 1) return [];
  const service = objects.service(namespace, labels.at(-2) ?? '');
  if (service === undefined) return undefined;
  const facts = factsOf(service, objects, zone);
  if (labels.length === 2) return ownRecords(facts);
  if (service.spec?.type === 'ExternalName') return undefined;
  return recordsBelow(labels.slice(0, -2), facts);
}

/** `relative` is the name without the zone; empty for the zone itself. */
export function lookUp(relative: string, objects: ClusterObjects, zone: DnsName): Records {
  const labels = relative === '' ? [] : relative.split('.');
  const rest = labels.slice(0, -1);
  switch (labels.at(-1)) {
    case undefined:
      return [{ type: types.NS, target: `ns.dns.${zone}` }];
    case 'svc':
      return serviceRecords(rest, objects, zone);
    case 'pod':
      return podRecords(rest, objects);
    case 'dns-version':
      return rest.length === 0 ? [{ type: types.TXT, text: specVersion }] : 'never';
    case 'dns':
      return rest.length === 0 || (rest.length === 1 && rest[0] === 'ns') ? [] : 'never';
    default:
      return 'never';
  }
}

/** Names of an address: of the Service that has it as cluster IP, and of endpoints of headless Services. */
export function lookUpAddress(ip: string, objects: ClusterObjects, zone: DnsName): readonly DnsName[] {
  const names = new Set(objects.servicesAt(ip).map((service) => serviceName(service, zone)));
  for (const slice of objects.slicesAt(ip)) {
    const { namespace = '', labels = {} } = slice.metadata;
    const service = objects.service(namespace, labels['kubernetes.io/service-name'] ?? '');
    if (service === undefined || !isHeadless(service)) continue;
    for (const endpoint of endpointsOf([slice]))
      if (endpoint.ip === ip) names.add(`${endpoint.label}.${serviceName(service, zone)}`);
  }
  return [...names];
}
