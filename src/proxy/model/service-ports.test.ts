import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Endpoint, EndpointSlice, Service } from '../../api/types.gen.ts';
import { ipv4, ipv6 } from '../../kernel/family.ts';
import type { Whereabouts } from './endpoints.ts';
import type { ServicePort } from './service-port.ts';
import { healthCheckOf, servicePorts } from './service-ports.ts';

const here: Whereabouts = { nodeName: 'node-a', zone: 'zone-1' };

type Spec = NonNullable<Service['spec']>;
const service = (spec: Partial<Spec> = {}, status?: Service['status']): Service => ({
  metadata: { namespace: 'shop', name: 'web' },
  spec: { clusterIP: '10.46.0.9', ports: [{ port: 80 }], ...spec },
  ...(status === undefined ? {} : { status }),
});

function endpoint(last: number, more: Partial<Endpoint> = {}, nodeName = 'node-a'): Endpoint {
  return { addresses: [`10.45.1.${last}`], nodeName, conditions: { ready: true }, ...more };
}

const slice = (endpoints: Endpoint[], more: Partial<EndpointSlice> = {}): EndpointSlice => ({
  metadata: { namespace: 'shop', name: 'web-1' },
  addressType: 'IPv4',
  ports: [{ port: 8080 }],
  endpoints,
  ...more,
});

function portOf(one: Service, slices: EndpointSlice[], where: Whereabouts = here): ServicePort {
  const [port] = servicePorts(one, slices, ipv4, where);
  assert.ok(port);
  return port;
}

const lastBytes = (endpoints: readonly { ip: string }[]): number[] =>
  endpoints.map(({ ip }) => Number(ip.split('.').at(-1)));

const forZones = (...names: string[]): Partial<Endpoint> => ({ hints: { forZones: names.map((name) => ({ name })) } });
const forNodes = (...names: string[]): Partial<Endpoint> => ({ hints: { forNodes: names.map((name) => ({ name })) } });

for (const label of ['service.kubernetes.io/headless', 'service.kubernetes.io/service-proxy-name'])
  test(`a slice with the label ${label} is left alone`, () => {
    const metadata = { namespace: 'shop', name: 'web-1', labels: { [label]: '' } };
    assert.deepEqual(portOf(service(), [slice([endpoint(1)], { metadata })]).endpoints, []);
  });

test('a pod that leaves is out before its slices say so; what they say then is believed', () => {
  const where = { ...here, leaving: new Set(['uid-1']) };
  const pod = (conditions: Endpoint['conditions']): Endpoint =>
    endpoint(1, { targetRef: { kind: 'Pod', uid: 'uid-1' }, ...(conditions === undefined ? {} : { conditions }) });
  const both = (conditions: Endpoint['conditions']): number[] =>
    lastBytes(portOf(service(), [slice([pod(conditions), endpoint(2)])], where).endpoints);
  assert.deepEqual(both({ ready: true, serving: true, terminating: false }), [2]);
  assert.deepEqual(both({ ready: false, serving: true, terminating: true }), [2]);
  assert.deepEqual(both({ ready: true, serving: false, terminating: true }), [1, 2]);
});

test('hints for zones: those of this zone, when every ready endpoint has one', () => {
  const both = [endpoint(1, forZones('zone-1')), endpoint(2, forZones('zone-2'))];
  assert.deepEqual(lastBytes(portOf(service(), [slice(both)]).endpoints), [1]);
  assert.deepEqual(lastBytes(portOf(service(), [slice([...both, endpoint(3)])]).endpoints), [1, 2, 3]);
  assert.deepEqual(lastBytes(portOf(service(), [slice(both)], { nodeName: 'node-a' }).endpoints), [1, 2]);
  assert.deepEqual(lastBytes(portOf(service(), [slice(both)], { ...here, zone: 'zone-3' }).endpoints), [1, 2]);
});

test('hints for nodes win over those for zones, and fall back to them', () => {
  const hints = (node: string, zone: string): Partial<Endpoint> => ({
    hints: { ...forNodes(node).hints, ...forZones(zone).hints },
  });
  const three = [
    endpoint(1, hints('node-a', 'zone-1')),
    endpoint(2, hints('node-b', 'zone-1')),
    endpoint(3, hints('node-c', 'zone-2')),
  ];
  assert.deepEqual(lastBytes(portOf(service(), [slice(three)]).endpoints), [1]);
  assert.deepEqual(lastBytes(portOf(service(), [slice(three)], { ...here, nodeName: 'node-z' }).endpoints), [1, 2]);
});

test('hints say nothing about policy Local, nor about flows that are there', () => {
  const port = portOf(service(), [slice([endpoint(1, forZones('zone-2')), endpoint(2, forZones('zone-1'), 'node-b')])]);
  assert.deepEqual(lastBytes(port.endpoints), [2]);
  assert.deepEqual(lastBytes(port.localEndpoints), [1]);
  assert.deepEqual(lastBytes(port.serving), [1, 2]);
});

const ending = { ready: false, serving: true, terminating: true };

test('endpoints that end are used when nobody is ready, for each policy by itself', () => {
  const port = portOf(service(), [
    slice([
      endpoint(1, { conditions: ending }),
      endpoint(2, {}, 'node-b'),
      endpoint(3, { conditions: { ready: false } }),
    ]),
  ]);
  assert.deepEqual(lastBytes(port.endpoints), [2]);
  assert.deepEqual(lastBytes(port.localEndpoints), [1]);
  assert.deepEqual(lastBytes(port.serving), [1, 2]);
});

test('a load balancer that passes packets on as they are has its addresses here, a proxying one has not', () => {
  const ingress = [{ ip: '10.44.0.200' }, { ip: '10.44.0.201', ipMode: 'Proxy' }, { hostname: 'lb.example' }];
  const status = { loadBalancer: { ingress } };
  assert.deepEqual(portOf(service({ type: 'LoadBalancer' }, status), []).loadBalancerIPs, ['10.44.0.200']);
  assert.deepEqual(portOf(service({ type: 'ClusterIP' }, status), []).loadBalancerIPs, []);
});

test('source ranges are those of the family; everybody is no range; of another family only is nobody', () => {
  const ranges = (...list: string[]): readonly string[] | undefined =>
    portOf(service({ loadBalancerSourceRanges: list }), []).sourceRanges;
  assert.equal(ranges(), undefined);
  assert.deepEqual(ranges(' 10.1.2.3/8', 'fd00::/8'), ['10.0.0.0/8']);
  assert.deepEqual(ranges('fd00::/8'), []);
  assert.equal(ranges('0.0.0.0/0', '10.0.0.0/8'), undefined);
});

test('affinity has three hours unless told', () => {
  assert.equal(portOf(service(), []).affinitySeconds, undefined);
  assert.equal(portOf(service({ sessionAffinity: 'ClientIP' }), []).affinitySeconds, 10_800);
  const sessionAffinityConfig = { clientIP: { timeoutSeconds: 5 } };
  assert.equal(portOf(service({ sessionAffinity: 'ClientIP', sessionAffinityConfig }), []).affinitySeconds, 5);
});

test('each family has its own addresses and slices, in canonical text', () => {
  const dual = service({ clusterIPs: ['10.46.0.9', 'fd00:0::9'], externalIPs: ['FD00::A'] });
  const six = slice([endpoint(1, { addresses: ['fd00:45::0001'] })], { addressType: 'IPv6' });
  const [port] = servicePorts(dual, [slice([endpoint(1)]), six], ipv6, here);
  assert.deepEqual(
    [port?.clusterIPs, port?.externalIPs, port?.endpoints[0]?.ip],
    [['fd00::9'], ['fd00::a'], 'fd00:45::1'],
  );
  assert.deepEqual(servicePorts(service(), [six], ipv6, here), []);
});

test('one number for several protocols is several ports', () => {
  const ports = (['TCP', 'UDP', 'SCTP'] as const).map((protocol) => ({
    name: protocol.toLowerCase(),
    port: 53,
    protocol,
  }));
  const found = servicePorts(service({ ports }), [slice([endpoint(1)], { ports: ports.slice(1) })], ipv4, here);
  assert.deepEqual(
    found.map(({ name, protocol, endpoints }) => [name, protocol, endpoints.length]),
    [
      ['shop/web:tcp', 'tcp', 0],
      ['shop/web:udp', 'udp', 1],
      ['shop/web:sctp', 'sctp', 1],
    ],
  );
});

test('a health check counts pods of this node that are ready and stay', () => {
  const asked = service({ type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 32000 });
  const slices = [
    slice([endpoint(1), endpoint(2, { conditions: ending }), endpoint(3, {}, 'node-b'), endpoint(4)]),
    slice([endpoint(1)], { ports: [{ port: 9090 }] }),
  ];
  assert.deepEqual(healthCheckOf(asked, slices, here), { service: 'shop/web', port: 32000, localEndpoints: 2 });
  assert.equal(healthCheckOf(service({ type: 'LoadBalancer', healthCheckNodePort: 32000 }), slices, here), undefined);
});
