/** Stories of the scheduler on an API server in memory. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { silentLogger } from '../api/logger.ts';
import { nodes, pods, services } from '../api/resources.ts';
import { createInformerFactory } from '../api/shared-informers.ts';
import type { Node, Pod } from '../api/types.gen.ts';
import { eventually, quiet } from '../../test/fake-cluster/eventually.ts';
import { FakeCluster } from '../../test/fake-cluster/index.ts';
import { startScheduler } from './index.ts';

interface World {
  readonly cluster: FakeCluster;
  readonly told: string[];
  readonly nodeOf: (name: string) => string | undefined;
  readonly condition: (name: string) => string | undefined;
}

function start(t: TestContext): World {
  const cluster = new FakeCluster();
  const stop = new AbortController();
  t.after(() => stop.abort());
  const told: string[] = [];
  startScheduler({
    client: cluster,
    informers: createInformerFactory(cluster, { logger: silentLogger, signal: stop.signal }),
    events: { event: (_object, _type, reason, message) => void told.push(`${reason}: ${message}`) },
    logger: silentLogger,
    signal: stop.signal,
    random: () => 0,
  });
  const find = (name: string): Pod | undefined => cluster.all(pods).find((pod) => pod.metadata.name === name);
  return {
    cluster,
    told,
    nodeOf: (name) => find(name)?.spec?.nodeName,
    condition: (name) => find(name)?.status?.conditions?.find(({ type }) => type === 'PodScheduled')?.message,
  };
}

function node(name: string, changes: Partial<Node> = {}): Node {
  return {
    metadata: { name },
    spec: {},
    status: {
      allocatable: { cpu: '2', memory: '4Gi', pods: '110' },
      conditions: [{ type: 'Ready', status: 'True' }],
    },
    ...changes,
  };
}

function pod(name: string, spec: Partial<Pod['spec']> = {}): Pod {
  return {
    metadata: { namespace: 'default', name, labels: { app: 'web' } },
    spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
  };
}

const asking = (cpu: string): Partial<Pod['spec']> => ({
  containers: [{ name: 'c', image: 'i', resources: { requests: { cpu } } }],
});

describe('the scheduler', () => {
  it('spreads a burst evenly, deciding from its own word before the API has told it back', async (t) => {
    const { cluster } = start(t);
    for (const name of ['a', 'b', 'c']) await cluster.create(nodes, node(name));
    await cluster.create(services, {
      metadata: { namespace: 'default', name: 'web' },
      spec: { selector: { app: 'web' } },
    });
    cluster.lagMs = 10;
    await Promise.all(Array.from({ length: 30 }, (_, index) => cluster.create(pods, pod(`p${index}`))));
    await eventually(() => {
      const counts = Map.groupBy(cluster.all(pods), (each) => each.spec?.nodeName);
      assert.deepEqual([...counts].map(([name, there]) => `${name} ${there.length}`).sort(), ['a 10', 'b 10', 'c 10']);
    });
  });

  it('says why there is no place, once, and tries again when there is one', async (t) => {
    const { cluster, told, nodeOf, condition } = start(t);
    for (const name of ['a', 'b', 'c']) await cluster.create(nodes, node(name));
    await cluster.create(pods, pod('big', asking('3')));
    const message = '0/3 nodes are available: 3 Insufficient cpu.';
    await eventually(() => assert.equal(condition('big'), message));
    await quiet(cluster);
    assert.deepEqual(told, [`FailedScheduling: ${message}`]);
    await cluster.create(
      nodes,
      node('d', { status: { allocatable: { cpu: '4' }, conditions: [{ type: 'Ready', status: 'True' }] } }),
    );
    await eventually(() => assert.equal(nodeOf('big'), 'd'));
    assert.equal(told.at(-1), 'Scheduled: Successfully assigned default/big to d');
  });

  it('uses the room that a deleted pod leaves', async (t) => {
    const { cluster, nodeOf, condition } = start(t);
    await cluster.create(nodes, node('a'));
    await cluster.create(pods, pod('first', asking('1500m')));
    await eventually(() => assert.equal(nodeOf('first'), 'a'));
    await cluster.create(pods, pod('second', asking('1500m')));
    await eventually(() => assert.equal(condition('second'), '0/1 nodes are available: 1 Insufficient cpu.'));
    await cluster.delete(pods, { namespace: 'default', name: 'first' }, { gracePeriodSeconds: 0 });
    await eventually(() => assert.equal(nodeOf('second'), 'a'));
  });

  it('waits for a node that is ready and not tainted', async (t) => {
    const { cluster, nodeOf, condition } = start(t);
    await cluster.create(pods, pod('p'));
    await eventually(() => assert.equal(condition('p'), 'no nodes available to schedule pods'));
    const notReady = { conditions: [{ type: 'Ready', status: 'False' }] };
    await cluster.create(nodes, node('a', { status: notReady }));
    await cluster.create(nodes, node('b', { spec: { unschedulable: true } }));
    const message = '0/2 nodes are available: 1 node(s) had untolerated taint(s), 1 node(s) were unschedulable.';
    await eventually(() => assert.equal(condition('p'), message));
    await cluster.patch(nodes, { name: 'a' }, { status: node('a').status }, { type: 'merge', subresource: 'status' });
    await eventually(() => assert.equal(nodeOf('p'), 'a'));
  });

  it('leaves pods alone that are for another scheduler or gated', async (t) => {
    const { cluster, nodeOf } = start(t);
    await cluster.create(nodes, node('a'));
    await cluster.create(pods, pod('other', { schedulerName: 'mine' }));
    await cluster.create(pods, pod('gated', { schedulingGates: [{ name: 'wait' }] }));
    await cluster.create(pods, pod('ours'));
    await eventually(() => assert.equal(nodeOf('ours'), 'a'));
    await quiet(cluster);
    assert.deepEqual([nodeOf('other'), nodeOf('gated')], [undefined, undefined]);
    const ungate = { spec: { schedulingGates: null } };
    await cluster.patch(pods, { namespace: 'default', name: 'gated' }, ungate, { type: 'merge' });
    await eventually(() => assert.equal(nodeOf('gated'), 'a'));
  });

  it('gives back the room and tries again when a binding fails', async (t) => {
    const { cluster, nodeOf } = start(t);
    await cluster.create(nodes, node('a'));
    let refusals = 2;
    cluster.beforeWrite = (write) => {
      if (write !== 'create pods/binding' || refusals === 0) return;
      refusals -= 1;
      throw new Error('no');
    };
    await cluster.create(pods, pod('p', asking('2')));
    await eventually(() => assert.equal(nodeOf('p'), 'a'));
    assert.equal(refusals, 0);
  });

  it('does not wake for a heartbeat', async (t) => {
    const { cluster, condition, told } = start(t);
    await cluster.create(nodes, node('a'));
    await cluster.create(pods, pod('big', asking('3')));
    await eventually(() => assert.ok(condition('big')));
    const conditions = [{ type: 'Ready', status: 'True', lastHeartbeatTime: '2026-01-01T00:00:00Z' }];
    await cluster.patch(nodes, { name: 'a' }, { status: { conditions } }, { type: 'merge', subresource: 'status' });
    await quiet(cluster);
    assert.equal(told.length, 1);
    assert.equal(cluster.countWrites('patch pods/status'), 1);
  });
});
