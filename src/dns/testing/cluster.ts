/** A small cluster for tests, and the way to ask our answers for its records in the syntax of a zone file. */
import { keyOf } from '../../api/informer.ts';
import type { EndpointSlice, Service } from '../../api/types.gen.ts';
import { rcodes, types, type Answer, type RecordData } from '../wire/types.ts';
import type { ClusterObjects } from '../zone/cluster-objects.ts';

const service = (name: string, spec: Service['spec']): Service => ({
  metadata: { namespace: 'shop', name },
  ...(spec === undefined ? {} : { spec }),
});

type SliceEndpoints = NonNullable<EndpointSlice['endpoints']>;
const slice = (name: string, endpoints: SliceEndpoints, addressType = 'IPv4', part = '1'): EndpointSlice => ({
  metadata: { namespace: 'shop', name: `${name}-${part}`, labels: { 'kubernetes.io/service-name': name } },
  addressType,
  ports: [
    { name: 'http', port: 8080, protocol: 'TCP' },
    { name: '', port: 9090, protocol: 'UDP' },
  ],
  endpoints,
});

export const services: Service[] = [
  service('web', {
    clusterIP: '10.46.0.9',
    clusterIPs: ['10.46.0.9', 'fd00:46::9'],
    ports: [
      { name: 'http', port: 80 },
      { name: 'dns', port: 53, protocol: 'UDP' },
    ],
  }),
  service('db', { clusterIP: 'None', ports: [{ name: 'http', port: 80 }] }),
  service('empty', { clusterIP: 'None', ports: [] }),
  service('far', { type: 'ExternalName', externalName: 'Example.ORG.' }),
  service('alias', { type: 'ExternalName', externalName: 'web.shop.svc.cluster.local' }),
];

export const slices: EndpointSlice[] = [
  slice('web', [{ addresses: ['10.45.1.2'] }]),
  slice('db', [
    { addresses: ['10.45.1.3'], hostname: 'db-0' },
    { addresses: ['10.45.2.4'] },
    { addresses: ['10.45.2.5'], conditions: { ready: false } },
  ]),
  slice('db', [{ addresses: ['fd00:45::3'], hostname: 'db-0' }], 'IPv6', '2'),
];

/** Looks into the arrays each time. */
export const objects: ClusterObjects = {
  service: (namespace, name) => services.find((one) => keyOf(one) === `${namespace}/${name}`),
  hasNamespace: (name) => name === 'shop' || name === 'quiet',
  slicesOf: (namespace, name) =>
    slices.filter(
      ({ metadata }) => metadata.namespace === namespace && metadata.labels?.['kubernetes.io/service-name'] === name,
    ),
  servicesAt: (ip) => services.filter(({ spec }) => spec?.clusterIPs?.includes(ip) ?? spec?.clusterIP === ip),
  slicesAt: (ip) => slices.filter(({ endpoints }) => endpoints?.some(({ addresses }) => addresses.includes(ip))),
};

function dataText(data: RecordData): string {
  switch (data.type) {
    case types.A:
      return `A ${data.address}`;
    case types.AAAA:
      return `AAAA ${data.address}`;
    case types.SRV:
      return `SRV ${data.priority} ${data.weight} ${data.port} ${data.target}.`;
    case types.TXT:
      return `TXT "${data.text}"`;
    case types.SOA:
      return `SOA ${data.primary}.`;
    case types.CNAME:
      return `CNAME ${data.target}.`;
    case types.NS:
      return `NS ${data.target}.`;
    case types.PTR:
      return `PTR ${data.target}.`;
  }
}

const rcodeName = new Map(Object.entries(rcodes).map(([name, code]) => [code as number, name]));

/** The code, then each answer in the order of its text. */
export function answerText({ rcode, answers }: Answer): string {
  const lines = answers.map(({ name, data }) => `${name}. ${dataText(data)}`).sort();
  return [rcodeName.get(rcode) ?? String(rcode), ...lines].join('\n');
}
