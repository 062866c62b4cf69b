/** Stories: DaemonSets, nodes and pods together, on an API server in memory. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { controllerRevisions, daemonSets, nodes, pods } from '../../api/resources.ts';
import type { ControllerRevision, DaemonSet, DaemonSetSpec, Pod } from '../../api/types.gen.ts';
import { fakeWorld } from '../../../test/fake-cluster/controller-context.ts';
import { eventually, quiet } from '../../../test/fake-cluster/eventually.ts';
import { runFakeKubelets, type FakeCluster } from '../../../test/fake-cluster/index.ts';
import { startGarbageCollector } from '../garbage/controller.ts';
import { startDaemonSetController } from './controller.ts';
import { nodeOf } from './placement.ts';

const namespace = 'kube-system';
const key = { namespace, name: 'agent' };

interface World {
  readonly cluster: FakeCluster;
  readonly podsOf: (image?: string) => Pod[];
  readonly set: () => DaemonSet;
  readonly history: () => ControllerRevision[];
  readonly patch: (patch: unknown) => Promise<DaemonSet>;
}

/** Binds each pod to the node it asks for, as the scheduler would. */
async function bindAll(cluster: FakeCluster, signal: AbortSignal): Promise<void> {
  for await (const { type, object } of cluster.watch(pods, { signal, resourceVersion: '0' })) {
    if (type !== 'ADDED') continue;
    const pod = { namespace, name: object.metadata.name ?? '' };
    await cluster.createSubresource(pods, pod, 'binding', { target: { name: nodeOf(object) } }).catch(() => undefined);
  }
}

async function start(t: TestContext, count = 3): Promise<World> {
  const { cluster, context } = fakeWorld(t);
  for (let index = 1; index <= count; index += 1) await cluster.create(nodes, { metadata: { name: `node${index}` } });
  startDaemonSetController(context);
  startGarbageCollector(context);
  void bindAll(cluster, context.signal);
  void runFakeKubelets(cluster, context.signal);
  const imageOf = (pod: Pod): string | undefined => pod.spec?.containers[0]?.image;
  return {
    cluster,
    podsOf: (image) => cluster.all(pods).filter((pod) => image === undefined || imageOf(pod) === image),
    set: () => cluster.all(daemonSets)[0] ?? assert.fail('the DaemonSet has gone'),
    history: () => cluster.all(controllerRevisions).sort((a, b) => a.revision - b.revision),
    patch: (patch) => cluster.patch(daemonSets, key, patch, { type: 'strategic' }),
  };
}

function agent(overrides: Partial<DaemonSetSpec> = {}): DaemonSet {
  return {
    metadata: { ...key },
    spec: {
      revisionHistoryLimit: 10,
      selector: { matchLabels: { app: 'agent' } },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
      template: { metadata: { labels: { app: 'agent' } }, spec: { containers: [{ name: 'c', image: 'v1' }] } },
      ...overrides,
    },
  };
}

const newImage = (image: string): unknown => ({ spec: { template: { spec: { containers: [{ name: 'c', image }] } } } });

/** What `kubectl rollout status` waits for. */
function assertRolledOut({ metadata, status }: DaemonSet, count: number): void {
  assert.equal(status?.observedGeneration, metadata.generation);
  assert.equal(status?.desiredNumberScheduled, count);
  assert.equal(status?.updatedNumberScheduled ?? 0, count);
  assert.equal(status?.numberAvailable ?? 0, count);
}

const liveNodes = (all: readonly Pod[]): string[] =>
  all
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map(nodeOf)
    .sort();

describe('a DaemonSet', () => {
  it('has one pod on each node, a history, and then nothing more is written', async (t) => {
    const { cluster, set, podsOf, history } = await start(t);
    await cluster.create(daemonSets, agent());
    await eventually(() => assertRolledOut(set(), 3));
    assert.deepEqual(liveNodes(podsOf()), ['node1', 'node2', 'node3']);
    const [revision] = history();
    assert.equal(history().length, 1);
    assert.equal(revision?.revision, 1);
    const hash = revision?.metadata.labels?.['controller-revision-hash'];
    assert.equal(revision?.metadata.name, `agent-${hash}`);
    assert.deepEqual(podsOf()[0]?.metadata.labels, { app: 'agent', 'controller-revision-hash': hash });
    await quiet(cluster);
    const before = cluster.writes.length;
    await quiet(cluster, 100);
    assert.equal(cluster.writes.length, before);
    assert.equal(cluster.writes.filter((write) => write === 'create pods').length, 3);
  });

  it('never makes two pods for a node, however far its informer lags', async (t) => {
    const { cluster, set } = await start(t);
    cluster.lagMs = 25;
    await cluster.create(daemonSets, agent());
    await eventually(() => assertRolledOut(set(), 3));
    assert.equal(cluster.writes.filter((write) => write === 'create pods').length, 3);
  });

  it('follows nodes that come, are labelled, tainted, and go', async (t) => {
    const { cluster, set, podsOf } = await start(t, 1);
    await cluster.create(daemonSets, agent());
    await eventually(() => assertRolledOut(set(), 1));
    await cluster.create(nodes, { metadata: { name: 'node2' } });
    await eventually(() => assertRolledOut(set(), 2));
    const taints = [{ key: 'team', value: 'a', effect: 'NoExecute' }];
    await cluster.patch(nodes, { name: 'node2' }, { spec: { taints } }, { type: 'merge' });
    await eventually(() => assert.deepEqual(liveNodes(podsOf()), ['node1']));
    await cluster.patch(nodes, { name: 'node2' }, { spec: { taints: null } }, { type: 'merge' });
    await eventually(() => assert.deepEqual(liveNodes(podsOf()), ['node1', 'node2']));
    await cluster.delete(nodes, { name: 'node2' });
    await eventually(() => assert.equal(set().status?.desiredNumberScheduled, 1));
  });

  it('never has fewer than it must while it rolls, and none twice', async (t) => {
    const { cluster, set, podsOf, patch } = await start(t, 4);
    await cluster.create(daemonSets, agent());
    await eventually(() => assertRolledOut(set(), 4));
    let fewest = 4;
    cluster.beforeWrite = () => {
      const ready = podsOf().filter(
        ({ metadata, status }) =>
          metadata.deletionTimestamp === undefined &&
          status?.conditions?.some((each) => each.type === 'Ready' && each.status === 'True'),
      );
      fewest = Math.min(fewest, ready.length);
      assert.equal(new Set(liveNodes(podsOf())).size, liveNodes(podsOf()).length);
    };
    await patch(newImage('v2'));
    await eventually(() => {
      assertRolledOut(set(), 4);
      assert.equal(podsOf('v2').length, 4);
      assert.equal(podsOf('v1').length, 0);
    });
    assert.equal(fewest, 3);
  });

  it('surges: no node is without a pod at any time', async (t) => {
    const { cluster, set, podsOf, patch } = await start(t);
    const rollingUpdate = { maxSurge: 1, maxUnavailable: 0 };
    await cluster.create(daemonSets, agent({ updateStrategy: { type: 'RollingUpdate', rollingUpdate } }));
    await eventually(() => assertRolledOut(set(), 3));
    let [fewest, most] = [3, 3];
    cluster.beforeWrite = () => {
      fewest = Math.min(fewest, new Set(liveNodes(podsOf())).size);
      most = Math.max(most, liveNodes(podsOf()).length);
    };
    await patch(newImage('v2'));
    await eventually(() => {
      assertRolledOut(set(), 3);
      assert.equal(podsOf().length, 3);
      assert.equal(podsOf('v2').length, 3);
    });
    assert.equal(fewest, 3);
    assert.equal(most, 4);
  });

  it('with OnDelete changes a pod only when somebody deletes it', async (t) => {
    const { cluster, set, podsOf, patch } = await start(t);
    await cluster.create(daemonSets, agent({ updateStrategy: { type: 'OnDelete' } }));
    await eventually(() => assertRolledOut(set(), 3));
    await patch(newImage('v2'));
    await eventually(() => assert.equal(set().status?.observedGeneration, 2));
    await quiet(cluster);
    assert.equal(podsOf('v1').length, 3);
    const [victim] = podsOf();
    await cluster.delete(pods, { namespace, name: victim?.metadata.name ?? '' });
    await eventually(() => assert.deepEqual([podsOf('v1').length, podsOf('v2').length], [2, 1]));
  });

  it('goes back as `kubectl rollout undo` asks, and the old template becomes the newest revision', async (t) => {
    const { cluster, set, podsOf, patch, history } = await start(t);
    await cluster.create(daemonSets, agent());
    await eventually(() => assertRolledOut(set(), 3));
    await patch(newImage('v2'));
    await eventually(() => assert.equal(podsOf('v2').length, 3));
    await eventually(() => assertRolledOut(set(), 3));
    const [first] = history();
    await patch(first?.data);
    await eventually(() => {
      assertRolledOut(set(), 3);
      assert.equal(podsOf('v1').length, 3);
    });
    assert.deepEqual(
      history().map(({ revision }) => revision),
      [2, 3],
    );
    assert.equal(history()[1]?.metadata.uid, first?.metadata.uid);
  });

  it('keeps as much history as asked for', async (t) => {
    const { cluster, set, podsOf, patch, history } = await start(t, 1);
    await cluster.create(daemonSets, agent({ revisionHistoryLimit: 1 }));
    for (const image of ['v2', 'v3', 'v4']) {
      await eventually(() => assertRolledOut(set(), 1));
      await patch(newImage(image));
      await eventually(() => assert.equal(podsOf(image).length, 1));
    }
    await eventually(() => {
      assertRolledOut(set(), 1);
      assert.deepEqual(
        history().map(({ revision }) => revision),
        [3, 4],
      );
    });
  });

  it('takes another hash when the name of its revision is taken', async (t) => {
    const { cluster, set, history } = await start(t, 1);
    await cluster.create(daemonSets, agent());
    await eventually(() => assertRolledOut(set(), 1));
    const name = history()[0]?.metadata.name ?? '';
    await cluster.delete(daemonSets, key);
    await eventually(() => assert.equal(history().length, 0));
    await cluster.create(controllerRevisions, { metadata: { namespace, name }, data: { other: true }, revision: 7 });
    await cluster.create(daemonSets, agent());
    await eventually(() => assertRolledOut(set(), 1));
    assert.equal(set().status?.collisionCount, 1);
    assert.equal(history().length, 2);
  });

  it('takes a pod that fails away, and not at once again when the next fails too', async (t) => {
    const { cluster, set, podsOf } = await start(t, 1);
    await cluster.create(daemonSets, agent());
    await eventually(() => assertRolledOut(set(), 1));
    const fail = async (): Promise<string> => {
      // Not before its kubelet has had its say, or that would come last.
      await eventually(() => assert.equal(podsOf()[0]?.status?.phase, 'Running'));
      const [pod] = podsOf();
      const name = pod?.metadata.name ?? '';
      await cluster.patch(
        pods,
        { namespace, name },
        { status: { phase: 'Failed' } },
        { type: 'merge', subresource: 'status' },
      );
      return name;
    };
    const first = await fail();
    await eventually(() => assert.notEqual(podsOf()[0]?.metadata.name ?? first, first));
    const second = await fail();
    await quiet(cluster, 100);
    assert.equal(podsOf()[0]?.metadata.name, second);
    await eventually(() => assert.notEqual(podsOf()[0]?.metadata.name ?? second, second));
  });

  it('takes its pods and its history with it', async (t) => {
    const { cluster, set, podsOf, history } = await start(t);
    await cluster.create(daemonSets, agent());
    await eventually(() => assertRolledOut(set(), 3));
    await cluster.delete(daemonSets, key, { propagationPolicy: 'Foreground' });
    await eventually(() =>
      assert.deepEqual([podsOf().length, history().length, cluster.all(daemonSets).length], [0, 0, 0]),
    );
  });
});
