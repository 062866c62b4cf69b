/** Stories of both endpoint controllers on an API server in memory. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { endpoints, endpointSlices, nodes, pods, services } from '../../api/resources.ts';
import type { Endpoint, Pod } from '../../api/types.gen.ts';
import { fakeWorld, type FakeWorld } from '../../../test/fake-cluster/controller-context.ts';
import { eventually, quiet } from '../../../test/fake-cluster/eventually.ts';
import { startEndpointsController } from './endpoints-controller.ts';
import { startEndpointSliceController } from './slice-controller.ts';
import { subsetsOf, truncated } from './subsets.ts';

const namespace = 'shop';
const key = (name: string): { namespace: string; name: string } => ({ namespace, name });

function start(t: TestContext): FakeWorld {
  const world = fakeWorld(t);
  startEndpointSliceController(world.context);
  startEndpointsController(world.context);
  return world;
}

async function addPod({ cluster }: FakeWorld, name: string, ip: string, ready = 'True'): Promise<void> {
  await cluster.create(pods, {
    metadata: { namespace, name, labels: { app: 'web' } },
    spec: { nodeName: 'node1', containers: [{ name: 'c' }] },
  });
  await setReady({ cluster }, name, ready, ip);
}

async function setReady(
  { cluster }: Pick<FakeWorld, 'cluster'>,
  name: string,
  ready: string,
  ip?: string,
): Promise<void> {
  const conditions = [{ type: 'Ready', status: ready }];
  const status = { phase: 'Running', conditions, ...(ip === undefined ? {} : { podIP: ip, podIPs: [{ ip }] }) };
  await cluster.patch(pods, key(name), { status }, { type: 'strategic', subresource: 'status' });
}

async function addService({ cluster }: FakeWorld): Promise<void> {
  await cluster.create(services, {
    metadata: { namespace, name: 'web' },
    spec: {
      clusterIP: '10.46.0.5',
      selector: { app: 'web' },
      ports: [{ port: 80, targetPort: 8080, protocol: 'TCP' }],
    },
  });
}

const listed = ({ cluster }: FakeWorld): Endpoint[] =>
  cluster.all(endpointSlices).flatMap((slice) => slice.endpoints ?? []);
const ready = (world: FakeWorld): string[] =>
  listed(world)
    .filter((each) => each.conditions?.ready)
    .flatMap(({ addresses }) => addresses)
    .sort();
const old = ({ cluster }: FakeWorld): unknown => {
  const [subset] = cluster.all(endpoints)[0]?.subsets ?? [];
  return [subset?.addresses?.map(({ ip }) => ip) ?? [], subset?.notReadyAddresses?.map(({ ip }) => ip) ?? []];
};

describe('a Service with a selector', () => {
  it('follows its pods: there, ready, not ready, leaving, gone', async (t) => {
    const world = start(t);
    const { cluster } = world;
    await addService(world);
    await eventually(() => assert.deepEqual([cluster.all(endpointSlices).length, old(world)], [1, [[], []]]));
    await addPod(world, 'a', '10.45.0.1');
    await addPod(world, 'b', '10.45.0.2', 'False');
    await eventually(() => {
      assert.deepEqual(ready(world), ['10.45.0.1']);
      assert.deepEqual(old(world), [['10.45.0.1'], ['10.45.0.2']]);
    });
    await setReady(world, 'b', 'True');
    await eventually(() => assert.deepEqual(ready(world), ['10.45.0.1', '10.45.0.2']));
    await cluster.delete(pods, key('a'));
    await eventually(() => {
      assert.deepEqual(ready(world), ['10.45.0.2']);
      const leaving = listed(world).find(({ addresses }) => addresses[0] === '10.45.0.1');
      assert.deepEqual(leaving?.conditions, { ready: false, serving: true, terminating: true });
      assert.deepEqual(old(world), [['10.45.0.2'], []]);
    });
    await cluster.delete(pods, key('a'), { gracePeriodSeconds: 0 });
    await eventually(() => assert.equal(listed(world).length, 1));
    assert.equal(cluster.all(endpointSlices).length, 1);
  });

  it('writes nothing for changes that endpoints do not tell, nor for its own writes', async (t) => {
    const world = start(t);
    const { cluster } = world;
    await addService(world);
    await addPod(world, 'a', '10.45.0.1');
    await eventually(() => assert.deepEqual(ready(world), ['10.45.0.1']));
    await quiet(cluster);
    const before = cluster.writes.length;
    await cluster.patch(pods, key('a'), { metadata: { annotations: { x: 'y' } } }, { type: 'merge' });
    await quiet(cluster);
    assert.equal(cluster.writes.length, before + 1);
  });

  it('puts back what somebody else changes or deletes', async (t) => {
    const world = start(t);
    const { cluster } = world;
    await addService(world);
    await addPod(world, 'a', '10.45.0.1');
    await eventually(() => assert.deepEqual(ready(world), ['10.45.0.1']));
    const name = cluster.all(endpointSlices)[0]?.metadata.name ?? '';
    await cluster.patch(endpointSlices, key(name), { endpoints: [] }, { type: 'merge' });
    await eventually(() => assert.deepEqual(ready(world), ['10.45.0.1']));
    await cluster.delete(endpointSlices, key(name));
    await cluster.delete(endpoints, key('web'));
    await eventually(() => {
      assert.deepEqual(ready(world), ['10.45.0.1']);
      assert.deepEqual(old(world), [['10.45.0.1'], []]);
    });
  });

  it('makes one slice, however far its informer lags', async (t) => {
    const world = start(t);
    world.cluster.lagMs = 20;
    await addService(world);
    await Promise.all([1, 2, 3, 4].map((n) => addPod(world, `p${n}`, `10.45.0.${n}`)));
    await eventually(() => assert.equal(ready(world).length, 4));
    assert.equal(world.cluster.countWrites('create endpointslices'), 1);
  });

  it('learns the zone of a node that comes later', async (t) => {
    const world = start(t);
    await addService(world);
    await addPod(world, 'a', '10.45.0.1');
    await eventually(() => assert.equal(listed(world).length, 1));
    await world.cluster.create(nodes, { metadata: { name: 'node1', labels: { 'topology.kubernetes.io/zone': 'z1' } } });
    await eventually(() => assert.equal(listed(world)[0]?.zone, 'z1'));
  });

  it('takes its Endpoints with it', async (t) => {
    const world = start(t);
    await addService(world);
    await eventually(() => assert.equal(world.cluster.all(endpoints).length, 1));
    await world.cluster.delete(services, key('web'));
    await eventually(() => assert.equal(world.cluster.all(endpoints).length, 0));
  });
});

describe('a Service without a selector', () => {
  it('is left alone, with the endpoints that somebody made for it', async (t) => {
    const world = start(t);
    const { cluster } = world;
    await cluster.create(endpoints, {
      metadata: { namespace, name: 'ext' },
      subsets: [{ addresses: [{ ip: '192.0.2.1' }] }],
    });
    await cluster.create(services, { metadata: { namespace, name: 'ext' }, spec: { clusterIP: '10.46.0.6' } });
    await quiet(cluster);
    assert.deepEqual(cluster.writes, ['create endpoints', 'create services']);
    await cluster.delete(services, key('ext'));
    await quiet(cluster);
    assert.equal(cluster.all(endpoints).length, 1);
  });
});

describe('the subsets of Endpoints', () => {
  const pod = (index: number, ready: boolean): Pod => ({
    metadata: { namespace, name: `p${index}`, labels: { app: 'web' } },
    spec: { containers: [] },
    status: {
      phase: 'Running',
      podIP: `10.45.${Math.floor(index / 250)}.${index % 250}`,
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
    },
  });
  const service = { metadata: { namespace, name: 'web' }, spec: { selector: { app: 'web' }, ports: [{ port: 80 }] } };

  it('are cut at a thousand addresses, those that are not ready first', () => {
    const all = [...Array(600).keys()]
      .map((n) => pod(n, true))
      .concat([...Array(600).keys()].map((n) => pod(n + 600, false)));
    const cut = truncated(subsetsOf(service, all));
    assert.equal(cut.truncated, true);
    assert.deepEqual([cut.subsets[0]?.addresses?.length, cut.subsets[0]?.notReadyAddresses?.length], [600, 400]);
  });

  it('do not depend on the order of the pods', () => {
    const all = [3, 1, 2].map((n) => pod(n, true));
    assert.deepEqual(subsetsOf(service, all), subsetsOf(service, all.toReversed()));
  });
});
