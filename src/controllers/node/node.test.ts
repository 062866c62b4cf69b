import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { leases, nodes, pods } from '../../api/resources.ts';
import { formatMicroTime } from '../../api/time.ts';
import type { Node, Pod, Taint, Toleration } from '../../api/types.gen.ts';
import { fakeWorld, type FakeWorld } from '../../../test/fake-cluster/controller-context.ts';
import { eventually, quiet } from '../../../test/fake-cluster/eventually.ts';
import { startPodGc, surplusOf } from '../pod-gc.ts';
import { CidrPool } from './cidr-pool.ts';
import { startNodeIpamController } from './ipam-controller.ts';
import { startNodeLifecycleController } from './lifecycle-controller.ts';
import { startTaintEvictionController } from './taint-eviction-controller.ts';
import { changedTaints, evictionTime } from './taints.ts';

const now = new Date('2026-01-01T00:00:00Z');

describe('taints of a node', () => {
  const told = (type: string, status: string): Node => ({ metadata: {}, status: { conditions: [{ type, status }] } });
  const cases: readonly { name: string; node: Node; taints: string[] }[] = [
    { name: 'not ready', node: told('Ready', 'False'), taints: ['not-ready:NoSchedule', 'not-ready:NoExecute'] },
    { name: 'silent', node: told('Ready', 'Unknown'), taints: ['unreachable:NoSchedule', 'unreachable:NoExecute'] },
    { name: 'short of memory', node: told('MemoryPressure', 'True'), taints: ['memory-pressure:NoSchedule'] },
    { name: 'cordoned', node: { metadata: {}, spec: { unschedulable: true } }, taints: ['unschedulable:NoSchedule'] },
  ];
  for (const { name, node, taints } of cases) {
    it(name, () => {
      const text = changedTaints(node, now)?.map(
        ({ key, effect }) => `${key.replace('node.kubernetes.io/', '')}:${effect}`,
      );
      assert.deepEqual(text, taints);
    });
  }

  it('stay as they are when the conditions have not changed, and go when it is well; those of others stay', () => {
    const foreign: Taint = { key: 'gpu', effect: 'NoSchedule' };
    const silent = { ...told('Ready', 'Unknown'), spec: { taints: [foreign] } };
    const taints = changedTaints(silent, now) ?? [];
    assert.equal(changedTaints({ ...silent, spec: { taints } }, now), undefined);
    assert.deepEqual(changedTaints({ ...told('Ready', 'True'), spec: { taints } }, now), [foreign]);
  });
});

describe('the time a pod must leave', () => {
  const taint: Taint = { key: 'k', effect: 'NoExecute', timeAdded: '2026-01-01T00:00:10Z' };
  const from = (seconds: number): number => now.getTime() + seconds * 1000;
  const cases: readonly { name: string; tolerations: Toleration[]; since?: number; time: number | undefined }[] = [
    { name: 'at once, when it tolerates nothing', tolerations: [], time: 0 },
    { name: 'never, when it tolerates for ever', tolerations: [{ key: 'k', operator: 'Exists' }], time: undefined },
    {
      name: 'so long after the taint',
      tolerations: [{ key: 'k', operator: 'Exists', tolerationSeconds: 30 }],
      time: from(40),
    },
    {
      name: 'so long after the pod, when that is later',
      tolerations: [{ operator: 'Exists', tolerationSeconds: 30 }],
      since: 100,
      time: from(130),
    },
    {
      name: 'after the shortest of several',
      tolerations: [
        { operator: 'Exists', tolerationSeconds: 30 },
        { key: 'k', operator: 'Exists', tolerationSeconds: 5 },
      ],
      time: from(15),
    },
    {
      name: 'at once, when it tolerates another effect',
      tolerations: [{ key: 'k', operator: 'Exists', effect: 'NoSchedule' }],
      time: 0,
    },
  ];
  for (const { name, tolerations, since = 0, time } of cases) {
    it(name, () => {
      assert.equal(evictionTime([taint], tolerations, from(since)), time);
    });
  }
  it('never without NoExecute', () => {
    assert.equal(evictionTime([{ key: 'k', effect: 'NoSchedule' }], [], 0), undefined);
  });
});

describe('the pool of pod CIDRs', () => {
  it('gives each node another one until there is none, and again what is given back', () => {
    const pool = new CidrPool('10.45.0.0/22', 24);
    assert.deepEqual(
      ['a', 'b', 'c', 'd', 'e'].map((node) => pool.take(node)),
      ['10.45.0.0/24', '10.45.1.0/24', '10.45.2.0/24', '10.45.3.0/24', undefined],
    );
    assert.equal(pool.take('a'), '10.45.0.0/24');
    pool.release('b');
    assert.equal(pool.take('e'), '10.45.1.0/24');
  });

  it('knows what nodes have already, and tells a clash', () => {
    const pool = new CidrPool('10.45.0.0/16', 24);
    assert.ok(pool.occupy('10.45.0.0/24', 'a'));
    assert.ok(pool.occupy('10.45.0.0/24', 'a'));
    assert.ok(!pool.occupy('10.45.0.0/24', 'b'));
    assert.equal(pool.take('c'), '10.45.1.0/24');
  });

  it('does IPv6 too', () => {
    assert.equal(new CidrPool('fd00:10::/48', 64).take('a'), 'fd00:10::/64');
  });
});

describe('node IPAM', () => {
  it('gives every node its own, reads back what is given, and says when there is none', async (t) => {
    const { cluster, context, told } = fakeWorld(t);
    await cluster.create(nodes, { metadata: { name: 'late' } });
    await cluster.create(nodes, {
      metadata: { name: 'old' },
      spec: { podCIDR: '10.45.0.0/24', podCIDRs: ['10.45.0.0/24'] },
    });
    startNodeIpamController(context, { podRanges: [{ cidr: '10.45.0.0/23', nodeMaskSize: 24 }] });
    const cidrOf = (name: string): string | undefined =>
      cluster.all(nodes).find((each) => each.metadata.name === name)?.spec?.podCIDR;
    await eventually(() => assert.equal(cidrOf('late'), '10.45.1.0/24'));
    await cluster.create(nodes, { metadata: { name: 'third' } });
    await eventually(() => assert.deepEqual(told, ['CIDRNotAvailable: Node third status is now: CIDRNotAvailable']));
    await cluster.delete(nodes, { name: 'old' });
    await eventually(() => assert.equal(cidrOf('third'), '10.45.0.0/24'));
  });
});

describe('node IPAM of two families', () => {
  const podRanges = [
    { cidr: '10.45.0.0/22', nodeMaskSize: 24 },
    { cidr: 'fd00:45::/63', nodeMaskSize: 64 },
  ];

  it('gives every node a CIDR of each, or none', async (t) => {
    const { cluster, context, told } = fakeWorld(t);
    const cidrsOf = (name: string): string[] | undefined =>
      cluster.all(nodes).find((each) => each.metadata.name === name)?.spec?.podCIDRs;
    await cluster.create(nodes, {
      metadata: { name: 'old' },
      spec: { podCIDR: '10.45.0.0/24', podCIDRs: ['10.45.0.0/24', 'fd00:45::/64'] },
    });
    startNodeIpamController(context, { podRanges });
    await cluster.create(nodes, { metadata: { name: 'new' } });
    await eventually(() => assert.deepEqual(cidrsOf('new'), ['10.45.1.0/24', 'fd00:45:0:1::/64']));
    // The second family is used up, so the first gives nothing either.
    await cluster.create(nodes, { metadata: { name: 'third' } });
    await eventually(() => assert.deepEqual(told, ['CIDRNotAvailable: Node third status is now: CIDRNotAvailable']));
    assert.equal(cidrsOf('third'), undefined);
    await cluster.delete(nodes, { name: 'old' });
    await eventually(() => assert.equal(cidrsOf('third')?.[1], 'fd00:45::/64'));
  });
});

describe('a node that falls silent', () => {
  const graceMs = 150;
  const find = ({ cluster }: FakeWorld): Node => cluster.all(nodes)[0] ?? assert.fail('the node has gone');
  const readyOf = (world: FakeWorld): string | undefined =>
    find(world).status?.conditions?.find(({ type }) => type === 'Ready')?.status;
  const podReady = ({ cluster }: FakeWorld): string | undefined =>
    cluster.all(pods)[0]?.status?.conditions?.find(({ type }) => type === 'Ready')?.status;

  async function post({ cluster }: FakeWorld, status = 'True'): Promise<void> {
    const conditions = [{ type: 'Ready', status, reason: 'KubeletReady', lastHeartbeatTime: new Date().toISOString() }];
    const types = ['MemoryPressure', 'DiskPressure', 'PIDPressure'].map((type) => ({ type, status: 'False' }));
    const patch = { status: { conditions: [...conditions, ...types] } };
    await cluster.patch(nodes, { name: 'node1' }, patch, { type: 'strategic', subresource: 'status' });
  }

  async function start(t: TestContext, tolerationSeconds?: number): Promise<FakeWorld> {
    const world = fakeWorld(t);
    const { cluster, context } = world;
    await cluster.create(nodes, { metadata: { name: 'node1' } });
    await post(world);
    const tolerations =
      tolerationSeconds === undefined ? [{ operator: 'Exists' }] : [{ operator: 'Exists', tolerationSeconds }];
    await cluster.create(pods, {
      metadata: { namespace: 'n', name: 'p' },
      spec: { nodeName: 'node1', containers: [], tolerations },
    });
    const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
    await cluster.patch(pods, { namespace: 'n', name: 'p' }, { status }, { type: 'strategic', subresource: 'status' });
    startNodeLifecycleController(context, { nodeMonitorGracePeriodMs: graceMs });
    startTaintEvictionController(context);
    return world;
  }

  it('is told to be unknown and tainted, its pods leave service; and all comes back with it', async (t) => {
    const world = await start(t);
    await eventually(() => {
      assert.deepEqual([readyOf(world), podReady(world)], ['Unknown', 'False']);
      assert.deepEqual(
        find(world).spec?.taints?.map(({ effect }) => effect),
        ['NoSchedule', 'NoExecute'],
      );
    });
    assert.ok(world.told.includes('NodeNotReady: Node node1 status is now: NodeNotReady'));
    await quiet(world.cluster);
    const before = world.cluster.writes.length;
    await quiet(world.cluster, graceMs);
    assert.equal(world.cluster.writes.length, before, 'writes of a node that stays silent');
    await post(world);
    await eventually(() => assert.deepEqual([readyOf(world), find(world).spec?.taints], ['True', undefined]));
  });

  it('is well as long as its lease is renewed, with nothing written', async (t) => {
    const world = await start(t);
    const lease = { metadata: { namespace: 'kube-node-lease', name: 'node1' } };
    await world.cluster.create(leases, { ...lease, spec: { renewTime: formatMicroTime(new Date()) } });
    const key = { namespace: 'kube-node-lease', name: 'node1' };
    const end = Date.now() + 3 * graceMs;
    while (Date.now() < end) {
      const renewal = { spec: { renewTime: formatMicroTime(new Date()) } };
      await world.cluster.patch(leases, key, renewal, { type: 'merge' });
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    assert.equal(readyOf(world), 'True');
    assert.equal(world.cluster.countWrites('update nodes'), 0);
  });

  it('is tainted when it says itself that it is not ready', async (t) => {
    const world = await start(t);
    await post(world, 'False');
    await eventually(() => {
      assert.deepEqual(
        find(world).spec?.taints?.map(({ key }) => key),
        Array(2).fill('node.kubernetes.io/not-ready'),
      );
      assert.equal(podReady(world), 'False');
    });
  });

  it('loses its pods when they tolerate it no longer', async (t) => {
    const world = await start(t, 1);
    const pod = (): Pod | undefined => world.cluster.all(pods)[0];
    await eventually(() => assert.equal(readyOf(world), 'Unknown'));
    assert.equal(pod()?.metadata.deletionTimestamp, undefined);
    await eventually(() => assert.notEqual(pod()?.metadata.deletionTimestamp, undefined));
    const reason = pod()?.status?.conditions?.find(({ type }) => type === 'DisruptionTarget')?.reason;
    assert.equal(reason, 'DeletionByTaintManager');
  });
});

describe('pod garbage', () => {
  it('are pods of nodes that have gone, and pods on their way out that never had a node', async (t) => {
    const { cluster, context } = fakeWorld(t);
    startPodGc(context, { quarantineMs: 20 });
    for (const name of ['stays', 'goes']) {
      await cluster.create(nodes, { metadata: { name } });
      await cluster.create(pods, { metadata: { namespace: 'n', name }, spec: { nodeName: name, containers: [] } });
    }
    const unplaced = { namespace: 'n', name: 'unplaced', finalizers: ['x'], deletionTimestamp: '2026-01-01T00:00:00Z' };
    await cluster.create(pods, { metadata: { ...unplaced, finalizers: [] }, spec: { containers: [] } });
    await cluster.delete(nodes, { name: 'goes' });
    await eventually(() =>
      assert.deepEqual(
        cluster.all(pods).map(({ metadata }) => metadata.name),
        ['stays'],
      ),
    );
  });

  it('are the oldest of too many that have ended', () => {
    const ended = (name: string, second: number): Pod => ({
      metadata: { name, creationTimestamp: `2026-01-01T00:00:0${second}Z` },
    });
    const all = [ended('c', 3), ended('a', 1), ended('b', 2)];
    assert.deepEqual(
      surplusOf(all, 1).map(({ metadata }) => metadata.name),
      ['a', 'b'],
    );
    assert.deepEqual(surplusOf(all, 3), []);
  });
});
