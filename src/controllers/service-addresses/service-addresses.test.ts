import assert from 'node:assert/strict';
import test from 'node:test';
import { fakeWorld } from '../../../test/fake-cluster/controller-context.ts';
import { quiet } from '../../../test/fake-cluster/eventually.ts';
import { isNotFound } from '../../api/errors.ts';
import { ipAddresses, serviceCIDRs, services } from '../../api/resources.ts';
import type { Service, ServiceCIDR } from '../../api/types.gen.ts';
import { startIPAddressesController } from './ip-addresses-controller.ts';
import { orphanOf, startServiceCIDRsController } from './service-cidrs-controller.ts';

const service = (name: string, ...clusterIPs: string[]): Service => ({
  metadata: { name, namespace: 'shop' },
  spec: { clusterIPs, ports: [{ port: 80 }] },
});

const range = (name: string, ...cidrs: string[]): ServiceCIDR => ({ metadata: { name }, spec: { cidrs } });

test('every cluster address has an object that names its Service, and loses it with the Service', async (t) => {
  const { cluster, context } = fakeWorld(t);
  startIPAddressesController(context);
  await cluster.create(services, service('web', '10.46.1.1', 'fd00:46::1'));
  await cluster.create(services, service('headless', 'None'));
  await quiet(cluster);
  const { items } = await cluster.list(ipAddresses);
  assert.deepEqual(
    items.map(({ metadata, spec }) => [metadata.name, metadata.labels, spec.parentRef]),
    [
      [
        '10.46.1.1',
        { 'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io', 'ipaddress.kubernetes.io/ip-family': 'IPv4' },
        { resource: 'services', namespace: 'shop', name: 'web' },
      ],
      [
        'fd00:46::1',
        { 'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io', 'ipaddress.kubernetes.io/ip-family': 'IPv6' },
        { resource: 'services', namespace: 'shop', name: 'web' },
      ],
    ],
  );
  const before = cluster.writes.length;
  await quiet(cluster);
  assert.equal(cluster.writes.length, before);
  await cluster.delete(services, { namespace: 'shop', name: 'web' });
  await quiet(cluster);
  assert.deepEqual((await cluster.list(ipAddresses)).items, []);
});

test('an address that goes from one Service to another names the other', async (t) => {
  const { cluster, context } = fakeWorld(t);
  startIPAddressesController(context);
  await cluster.create(services, service('web', '10.46.1.1'));
  await quiet(cluster);
  await cluster.delete(services, { namespace: 'shop', name: 'web' });
  await cluster.create(services, service('api', '10.46.1.1'));
  await quiet(cluster);
  assert.equal((await cluster.get(ipAddresses, { name: '10.46.1.1' })).spec.parentRef.name, 'api');
});

test('an object of somebody else stays', async (t) => {
  const { cluster, context } = fakeWorld(t);
  startIPAddressesController(context);
  const parentRef = { group: 'gateway.networking.k8s.io', resource: 'gateways', name: 'in' };
  await cluster.create(ipAddresses, { metadata: { name: '10.46.1.1' }, spec: { parentRef } });
  await cluster.create(services, service('web', '10.46.1.1'));
  await quiet(cluster);
  await cluster.delete(services, { namespace: 'shop', name: 'web' });
  await quiet(cluster);
  assert.deepEqual((await cluster.get(ipAddresses, { name: '10.46.1.1' })).spec.parentRef, parentRef);
});

test('a range is Ready when it stands, and goes when no Service needs it', async (t) => {
  const { cluster, context } = fakeWorld(t);
  startIPAddressesController(context);
  startServiceCIDRsController(context);
  await cluster.create(serviceCIDRs, range('more', '192.0.2.0/24'));
  await quiet(cluster);
  const ready = async (): Promise<unknown> => {
    const { status } = await cluster.get(serviceCIDRs, { name: 'more' });
    return status?.conditions?.map(({ type, status: value, reason }) => `${type}=${value} ${reason}`.trim());
  };
  assert.deepEqual(await ready(), ['Ready=True']);
  await cluster.create(services, service('web', '192.0.2.7'));
  await quiet(cluster);
  await cluster.delete(serviceCIDRs, { name: 'more' });
  await quiet(cluster);
  assert.deepEqual(await ready(), ['Ready=False Terminating']);
  await cluster.delete(services, { namespace: 'shop', name: 'web' });
  await quiet(cluster);
  await assert.rejects(cluster.get(serviceCIDRs, { name: 'more' }), isNotFound);
});

const leaving = range('leaving', '192.0.2.0/24');
const orphans: readonly [string, readonly ServiceCIDR[], readonly string[], string | undefined][] = [
  ['nobody has an address of it', [], ['10.46.0.1'], undefined],
  ['a Service has', [], ['10.46.0.1', '192.0.2.9'], '192.0.2.9'],
  ['another range has it too', [range('wide', '192.0.0.0/16')], ['192.0.2.9'], undefined],
  ['another range has a part', [range('half', '192.0.2.128/25')], ['192.0.2.200', '192.0.2.9'], '192.0.2.9'],
  [
    'the other range goes too',
    [{ ...range('wide', '192.0.0.0/16'), metadata: { name: 'wide', deletionTimestamp: '2026-01-01T00:00:00Z' } }],
    ['192.0.2.9'],
    '192.0.2.9',
  ],
];
for (const [what, others, addresses, orphan] of orphans) {
  test(`a range that goes: ${what}`, () => assert.equal(orphanOf(leaving, [leaving, ...others], addresses), orphan));
}
