/** Stories of the load balancer controller on an API server in memory. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { endpointSlices, nodes, services } from '../../api/resources.ts';
import type { Service, ServiceSpec } from '../../api/types.gen.ts';
import { fakeWorld, type FakeWorld } from '../../../test/fake-cluster/controller-context.ts';
import { eventually, quiet } from '../../../test/fake-cluster/eventually.ts';
import { startLoadBalancerController } from './controller.ts';

const namespace = 'shop';
/** Six addresses that can be given: .1 to .6. */
const range = '192.0.2.0/29';

async function start(t: TestContext, cidrs = [range], names = ['node1', 'node2', 'node3']): Promise<FakeWorld> {
  const world = fakeWorld(t);
  for (const name of names) await addNode(world, name);
  startLoadBalancerController(world.context, { loadBalancerRanges: [{ cidrs }] });
  return world;
}

async function addNode({ cluster }: FakeWorld, name: string, address?: string): Promise<void> {
  const addresses = address === undefined ? [] : [{ type: 'InternalIP', address }];
  const status = { conditions: [{ type: 'Ready', status: 'True' }], addresses };
  await cluster.create(nodes, { metadata: { name }, status });
}

async function setReady({ cluster }: FakeWorld, name: string, status: string): Promise<void> {
  const patch = { status: { conditions: [{ type: 'Ready', status }] } };
  await cluster.patch(nodes, { name }, patch, { type: 'merge', subresource: 'status' });
}

async function addService({ cluster }: FakeWorld, name: string, spec: ServiceSpec = {}): Promise<void> {
  await cluster.create(services, {
    metadata: { namespace, name },
    spec: { type: 'LoadBalancer', ipFamilies: ['IPv4'], ports: [{ port: 80 }], ...spec },
  });
}

/** The endpoints of a Service: a node each, and whether it is ready. */
async function setEndpoints({ cluster }: FakeWorld, service: string, ready: Record<string, boolean>): Promise<void> {
  const endpoints = Object.entries(ready).map(([nodeName, isReady], index) => ({
    addresses: [`10.45.0.${index + 1}`],
    conditions: { ready: isReady, serving: true },
    nodeName,
  }));
  const metadata = { namespace, name: `${service}-1`, labels: { 'kubernetes.io/service-name': service } };
  const slice = { metadata, addressType: 'IPv4', endpoints };
  if (cluster.all(endpointSlices).some((each) => each.metadata.name === metadata.name))
    await cluster.patch(endpointSlices, { namespace, name: metadata.name }, { endpoints }, { type: 'merge' });
  else await cluster.create(endpointSlices, slice);
}

const stored = ({ cluster }: FakeWorld, name: string): Service | undefined =>
  cluster.all(services).find(({ metadata }) => metadata.name === name);
const address = (world: FakeWorld, name: string): string =>
  (stored(world, name)?.status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip).join();
const answering = (world: FakeWorld, name: string): string | undefined =>
  stored(world, name)?.metadata.annotations?.['podwire.dev/answered-by'];
const finalizers = (world: FakeWorld, name: string): readonly string[] | undefined =>
  stored(world, name)?.metadata.finalizers;
const has = (world: FakeWorld, name: string, ip: string): Promise<void> =>
  eventually(() => assert.equal(address(world, name), ip));
const isAnsweredBy = (world: FakeWorld, name: string, node: string | undefined): Promise<void> =>
  eventually(() => assert.equal(answering(world, name), node));

describe('a Service of type LoadBalancer', () => {
  it('gets an address and a node, in one write', async (t) => {
    const world = await start(t);
    await addService(world, 'web');
    await has(world, 'web', '192.0.2.1');
    assert.match(answering(world, 'web') ?? '', /^node[123]$/);
    assert.deepEqual(stored(world, 'web')?.status, { loadBalancer: { ingress: [{ ip: '192.0.2.1', ipMode: 'VIP' }] } });
    await quiet(world.cluster);
    assert.equal(world.cluster.countWrites('patch services/status'), 1);
    assert.deepEqual(world.told, [`EnsuredLoadBalancer: 192.0.2.1: node ${answering(world, 'web')} answers for it`]);
  });

  it('has an address of its own, however far the informer lags', async (t) => {
    const world = await start(t);
    world.cluster.lagMs = 20;
    await Promise.all(['a', 'b', 'c'].map((name) => addService(world, name)));
    await eventually(() => {
      const all = ['a', 'b', 'c'].map((name) => address(world, name)).sort();
      assert.deepEqual(all, ['192.0.2.1', '192.0.2.2', '192.0.2.3']);
    });
    await quiet(world.cluster);
    assert.equal(world.cluster.countWrites('patch services/status'), 3);
  });

  it('keeps address and node when the controller starts anew', async (t) => {
    const world = await start(t);
    await addService(world, 'a');
    await addService(world, 'b');
    await has(world, 'b', '192.0.2.2');
    const before = [address(world, 'a'), answering(world, 'a'), address(world, 'b'), answering(world, 'b')];
    startLoadBalancerController(world.context, { loadBalancerRanges: [{ cidrs: [range] }] });
    await addService(world, 'c');
    await has(world, 'c', '192.0.2.3');
    assert.deepEqual([address(world, 'a'), answering(world, 'a'), address(world, 'b'), answering(world, 'b')], before);
  });

  it('gets the address that it asks for, if that is free; else it waits, and an Event tells', async (t) => {
    const world = await start(t);
    await addService(world, 'a', { loadBalancerIP: '192.0.2.4' });
    await has(world, 'a', '192.0.2.4');
    await addService(world, 'b', { loadBalancerIP: '192.0.2.4' });
    await addService(world, 'c', { loadBalancerIP: '198.51.100.1' });
    const problem = 'SyncLoadBalancerFailed: No address for a load balancer: spec.loadBalancerIP';
    await eventually(() => {
      assert.ok(world.told.includes(`${problem} 192.0.2.4 belongs to Service shop/a`));
      assert.ok(world.told.includes(`${problem} 198.51.100.1 is not in ${range}`));
    });
    await world.cluster.delete(services, { namespace, name: 'a' });
    await has(world, 'b', '192.0.2.4');
    assert.equal(address(world, 'c'), '');
  });

  it('waits when none is left, and gets the next that is given back', async (t) => {
    const world = await start(t, ['192.0.2.8/30']);
    for (const name of ['a', 'b', 'c']) await addService(world, name);
    await eventually(() =>
      assert.ok(
        world.told.includes(
          'SyncLoadBalancerFailed: No address for a load balancer: no address is left in 192.0.2.8/30',
        ),
      ),
    );
    assert.equal(address(world, 'c'), '');
    await world.cluster.patch(services, { namespace, name: 'a' }, { spec: { type: 'ClusterIP' } }, { type: 'merge' });
    await has(world, 'c', '192.0.2.9');
    await isAnsweredBy(world, 'a', undefined);
  });

  it('of both families gets an address of each', async (t) => {
    const world = await start(t, [range, '2001:db8::/120']);
    await addService(world, 'web', { ipFamilies: ['IPv6', 'IPv4'] });
    await has(world, 'web', '2001:db8::1,192.0.2.1');
  });

  it('of a family that has no range waits', async (t) => {
    const world = await start(t);
    await addService(world, 'web', { ipFamilies: ['IPv6'] });
    await eventually(() => assert.match(world.told.join(), /no range of addresses for load balancers is IPv6/));
  });

  it('is left alone with the class of somebody else', async (t) => {
    const world = await start(t);
    await addService(world, 'theirs', { loadBalancerClass: 'example.com/lb' });
    await addService(world, 'ours', { loadBalancerClass: 'podwire.dev/lab' });
    await has(world, 'ours', '192.0.2.1');
    assert.equal(address(world, 'theirs'), '');
  });
});

describe('the finalizer of a Service that has an address', () => {
  const cleanup = 'service.kubernetes.io/load-balancer-cleanup';

  it('comes with the address, goes with the type, and leaves the finalizers of others', async (t) => {
    const world = await start(t);
    await addService(world, 'web');
    await has(world, 'web', '192.0.2.1');
    assert.deepEqual(finalizers(world, 'web'), [cleanup]);
    const metadata = { finalizers: ['example.com/theirs', cleanup] };
    await world.cluster.patch(services, { namespace, name: 'web' }, { metadata }, { type: 'merge' });
    await world.cluster.patch(services, { namespace, name: 'web' }, { spec: { type: 'ClusterIP' } }, { type: 'merge' });
    await has(world, 'web', '');
    assert.deepEqual(finalizers(world, 'web'), ['example.com/theirs']);
    assert.equal(answering(world, 'web'), undefined);
  });

  it('lets a Service go when its address is free', async (t) => {
    const world = await start(t);
    await addService(world, 'web');
    await has(world, 'web', '192.0.2.1');
    await world.cluster.delete(services, { namespace, name: 'web' });
    await eventually(() => assert.equal(stored(world, 'web'), undefined));
    await addService(world, 'next', { loadBalancerIP: '192.0.2.1' });
    await has(world, 'next', '192.0.2.1');
  });

  it('is given to one whose address is from before there was one', async (t) => {
    const world = await start(t);
    const status = { loadBalancer: { ingress: [{ ip: '192.0.2.5', ipMode: 'VIP' }] } };
    const spec = { type: 'LoadBalancer', ipFamilies: ['IPv4'], ports: [{ port: 80 }] };
    await world.cluster.create(services, { metadata: { namespace, name: 'old' }, spec, status });
    await eventually(() => assert.deepEqual(finalizers(world, 'old'), [cleanup]));
    assert.equal(address(world, 'old'), '192.0.2.5');
  });

  it('is none while there is no address, so that nothing holds a Service that got none', async (t) => {
    const world = await start(t);
    await addService(world, 'web', { loadBalancerIP: '198.51.100.1' });
    await eventually(() => assert.match(world.told.join(), /is not in/));
    assert.equal(finalizers(world, 'web'), undefined);
    await world.cluster.delete(services, { namespace, name: 'web' });
    assert.equal(stored(world, 'web'), undefined);
  });

  it('goes, as the address does, in a control plane that has no ranges any more', async (t) => {
    const world = await start(t);
    await addService(world, 'web');
    await has(world, 'web', '192.0.2.1');
    const later = fakeWorld(t);
    const { metadata, spec, status } = stored(world, 'web') ?? { metadata: {} };
    await later.cluster.create(services, { metadata, ...(spec && { spec }), ...(status && { status }) });
    startLoadBalancerController(later.context, { loadBalancerRanges: [] });
    await has(later, 'web', '');
    assert.deepEqual(finalizers(later, 'web') ?? [], []);
    assert.deepEqual(later.told, []);
  });

  it('of another class is not touched', async (t) => {
    const world = await start(t);
    const metadata = { namespace, name: 'theirs', finalizers: [cleanup] };
    const spec = { type: 'LoadBalancer', loadBalancerClass: 'example.com/lb', ports: [{ port: 80 }] };
    await world.cluster.create(services, { metadata, spec });
    await addService(world, 'ours');
    await has(world, 'ours', '192.0.2.1');
    await world.cluster.delete(services, { namespace, name: 'theirs' });
    await quiet(world.cluster);
    assert.deepEqual(finalizers(world, 'theirs'), [cleanup]);
  });
});

describe('the node that answers', () => {
  it('is another one when it is not ready any more, and stays that when it comes back', async (t) => {
    const world = await start(t);
    await addService(world, 'web');
    await has(world, 'web', '192.0.2.1');
    const first = answering(world, 'web') ?? '';
    await setReady(world, first, 'Unknown');
    await eventually(() => assert.notEqual(answering(world, 'web'), first));
    const second = answering(world, 'web');
    await setReady(world, first, 'True');
    await quiet(world.cluster);
    assert.deepEqual([answering(world, 'web'), address(world, 'web')], [second, '192.0.2.1']);
  });

  it('is none when no node is ready; the address stays', async (t) => {
    const world = await start(t, [range], ['node1']);
    await addService(world, 'web');
    await isAnsweredBy(world, 'web', 'node1');
    await setReady(world, 'node1', 'Unknown');
    await isAnsweredBy(world, 'web', undefined);
    assert.equal(address(world, 'web'), '192.0.2.1');
    await setReady(world, 'node1', 'True');
    await isAnsweredBy(world, 'web', 'node1');
  });

  it('with policy Local is one that has ready endpoints, and follows them', async (t) => {
    const world = await start(t);
    await setEndpoints(world, 'web', { node1: false, node2: true });
    await addService(world, 'web', { externalTrafficPolicy: 'Local' });
    await isAnsweredBy(world, 'web', 'node2');
    await setEndpoints(world, 'web', { node1: true, node2: true, node3: true });
    await quiet(world.cluster);
    assert.equal(answering(world, 'web'), 'node2');
    await setEndpoints(world, 'web', { node3: true });
    await isAnsweredBy(world, 'web', 'node3');
    await setEndpoints(world, 'web', { node1: false });
    await isAnsweredBy(world, 'web', 'node1');
  });

  it('is never one that is excluded from balancers', async (t) => {
    const world = await start(t);
    for (const name of ['node1', 'node3']) {
      const labels = { 'node.kubernetes.io/exclude-from-external-load-balancers': '' };
      await world.cluster.patch(nodes, { name }, { metadata: { labels } }, { type: 'merge' });
    }
    await addService(world, 'web');
    await isAnsweredBy(world, 'web', 'node2');
  });
});

describe('where nodes stand on two segments', () => {
  const loadBalancerRanges = [
    { cidrs: ['192.0.2.0/29', '2001:db8:1::/120'], nodes: ['10.0.1.0/24'] },
    { cidrs: ['198.51.100.0/29', '2001:db8:2::/120'], nodes: ['10.0.2.0/24'] },
  ];
  const segment = (ip: string): string => (ip.startsWith('192.0.2.') || ip.startsWith('2001:db8:1:') ? 'near' : 'far');

  async function startSegments(t: TestContext): Promise<FakeWorld> {
    const world = fakeWorld(t);
    await addNode(world, 'near', '10.0.1.1');
    await addNode(world, 'far', '10.0.2.1');
    startLoadBalancerController(world.context, { loadBalancerRanges });
    return world;
  }

  it('addresses are spread over both, and a node of the same segment answers', async (t) => {
    const world = await startSegments(t);
    const names = Array.from({ length: 10 }, (_, index) => `web${index}`);
    for (const name of names) await addService(world, name, { ipFamilies: ['IPv4', 'IPv6'] });
    const used = new Set<string>();
    for (const name of names) {
      await eventually(() => assert.notEqual(address(world, name), ''));
      const where = address(world, name).split(',').map(segment);
      assert.equal(where.length, 2);
      assert.deepEqual(new Set(where), new Set([answering(world, name)]));
      used.add(where[0] ?? '');
    }
    assert.deepEqual([...used].sort(), ['far', 'near']);
  });

  it('an address that is asked for is of its segment, and stays silent while nobody there is ready', async (t) => {
    const world = await startSegments(t);
    await addService(world, 'web', { loadBalancerIP: '198.51.100.4' });
    await isAnsweredBy(world, 'web', 'far');
    await setReady(world, 'far', 'Unknown');
    await isAnsweredBy(world, 'web', undefined);
    assert.equal(address(world, 'web'), '198.51.100.4');
  });

  it('policy Local: it is the segment that has ready endpoints', async (t) => {
    const world = await startSegments(t);
    for (const node of ['near', 'far']) {
      await setEndpoints(world, `of-${node}`, { [node]: true });
      await addService(world, `of-${node}`, { externalTrafficPolicy: 'Local' });
      await isAnsweredBy(world, `of-${node}`, node);
      assert.equal(segment(address(world, `of-${node}`)), node);
    }
  });

  it('when the one has no address left, the other gives one', async (t) => {
    const world = await startSegments(t);
    const names = Array.from({ length: 12 }, (_, index) => `web${index}`);
    for (const name of names) await addService(world, name);
    const given = (): string[] => names.map((name) => address(world, name)).filter((ip) => ip !== '');
    await eventually(() => assert.equal(new Set(given()).size, 12));
    for (const name of names) assert.equal(answering(world, name), segment(address(world, name)));
  });
});
