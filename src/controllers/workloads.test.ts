/** Stories: Deployments, ReplicaSets and pods together, on an API server in memory. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { silentLogger } from '../api/logger.ts';
import { deployments, pods, replicaSets } from '../api/resources.ts';
import { createInformerFactory } from '../api/shared-informers.ts';
import type { Deployment, Pod, ReplicaSet } from '../api/types.gen.ts';
import { eventually, quiet } from '../../test/fake-cluster/eventually.ts';
import { FakeCluster, runFakeKubelets } from '../../test/fake-cluster/index.ts';
import type { ControllerContext } from './controller.ts';
import { startDeploymentController } from './deployment/controller.ts';
import { startGarbageCollector } from './garbage/controller.ts';
import { startReplicaSetController } from './replicaset/controller.ts';

const namespace = 'shop';

interface World {
  readonly cluster: FakeCluster;
  readonly podsOf: (image?: string) => Pod[];
  readonly set: () => ReplicaSet[];
  readonly deployment: () => Deployment;
  readonly patch: (patch: unknown) => Promise<Deployment>;
}

/** Binds every pod at once, as a scheduler with one endless node would. */
async function bindAll(cluster: FakeCluster, signal: AbortSignal): Promise<void> {
  for await (const { type, object } of cluster.watch(pods, { signal, resourceVersion: '0' })) {
    if (type !== 'ADDED') continue;
    const key = { namespace, name: object.metadata.name ?? '' };
    await cluster.createSubresource(pods, key, 'binding', { target: { name: 'node1' } }).catch(() => undefined);
  }
}

function start(t: TestContext): World {
  const cluster = new FakeCluster();
  const stop = new AbortController();
  t.after(() => stop.abort());
  const { signal } = stop;
  const context: ControllerContext = {
    client: cluster,
    informers: createInformerFactory(cluster, { logger: silentLogger, signal }),
    events: { event: () => undefined },
    logger: silentLogger,
    signal,
    now: () => new Date(),
  };
  startDeploymentController(context);
  startReplicaSetController(context);
  startGarbageCollector(context);
  void bindAll(cluster, signal);
  void runFakeKubelets(cluster, signal);
  const imageOf = (pod: Pod): string | undefined => pod.spec?.containers[0]?.image;
  return {
    cluster,
    podsOf: (image) => cluster.all(pods).filter((pod) => image === undefined || imageOf(pod) === image),
    set: () => cluster.all(replicaSets),
    deployment: () => cluster.all(deployments)[0] ?? assert.fail('the Deployment has gone'),
    patch: (patch) => cluster.patch(deployments, { namespace, name: 'web' }, patch, { type: 'strategic' }),
  };
}

function web(replicas: number, overrides: Partial<Deployment['spec']> = {}): Deployment {
  return {
    metadata: { namespace, name: 'web' },
    spec: {
      replicas,
      progressDeadlineSeconds: 600,
      revisionHistoryLimit: 10,
      selector: { matchLabels: { app: 'web' } },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'v1' }] } },
      ...overrides,
    },
  };
}

/** What `kubectl rollout status` waits for. */
function assertRolledOut(deployment: Deployment): void {
  const { spec, status, metadata } = deployment;
  const progressing = status?.conditions?.find(({ type }) => type === 'Progressing');
  assert.equal(status?.observedGeneration, metadata.generation);
  assert.equal(status?.updatedReplicas, spec?.replicas);
  assert.equal(status?.replicas, spec?.replicas);
  assert.equal(status?.availableReplicas, spec?.replicas);
  assert.equal(progressing?.reason, 'NewReplicaSetAvailable');
  assert.equal(status?.conditions?.find(({ type }) => type === 'Available')?.status, 'True');
}

const newImage = (image: string): unknown => ({
  spec: { template: { spec: { containers: [{ name: 'c', image }] } } },
});

describe('a Deployment', () => {
  it('becomes a ReplicaSet, which becomes pods, and then nothing more is written', async (t) => {
    const { cluster, podsOf, deployment, set } = start(t);
    await cluster.create(deployments, web(3));
    await eventually(() => assertRolledOut(deployment()));
    assert.equal(podsOf().length, 3);
    const hash = set()[0]?.metadata.labels?.['pod-template-hash'] ?? assert.fail('no hash');
    assert.equal(set()[0]?.metadata.name, `web-${hash}`);
    assert.deepEqual(podsOf()[0]?.metadata.labels, { app: 'web', 'pod-template-hash': hash });
    assert.equal(deployment().metadata.annotations?.['deployment.kubernetes.io/revision'], '1');
    await quiet(cluster);
    const before = cluster.writes.length;
    await quiet(cluster, 100);
    assert.equal(cluster.writes.length, before);
    assert.equal(cluster.countWrites('create pods/binding'), 3);
    assert.equal(cluster.writes.filter((write) => write === 'create pods').length, 3);
  });

  it('never has more pods than the surge allows nor fewer than it must while it rolls', async (t) => {
    const { cluster, podsOf, deployment, patch } = start(t);
    await cluster.create(deployments, web(4));
    await eventually(() => assertRolledOut(deployment()));
    let [most, fewestReady] = [0, 4];
    cluster.beforeWrite = () => {
      const live = podsOf().filter((pod) => pod.metadata.deletionTimestamp === undefined);
      const ready = live.filter((pod) =>
        pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
      );
      most = Math.max(most, live.length);
      fewestReady = Math.min(fewestReady, ready.length);
    };
    await patch(newImage('v2'));
    await eventually(() => {
      assertRolledOut(deployment());
      assert.equal(podsOf('v2').length, 4);
      assert.equal(podsOf('v1').length, 0);
    });
    assert.ok(most <= 5, `${most} pods at once`);
    assert.ok(fewestReady >= 3, `${fewestReady} ready pods`);
    assert.equal(deployment().metadata.annotations?.['deployment.kubernetes.io/revision'], '2');
  });

  it('goes back to its old ReplicaSet when the template does, under a new revision', async (t) => {
    const { cluster, podsOf, deployment, set, patch } = start(t);
    await cluster.create(deployments, web(2));
    await eventually(() => assertRolledOut(deployment()));
    await patch(newImage('v2'));
    await eventually(() => assert.equal(podsOf('v2').length, 2));
    await eventually(() => assertRolledOut(deployment()));
    await patch(newImage('v1'));
    await eventually(() => {
      assertRolledOut(deployment());
      assert.equal(podsOf('v1').length, 2);
    });
    assert.equal(set().length, 2);
    assert.equal(deployment().metadata.annotations?.['deployment.kubernetes.io/revision'], '3');
    const [first] = set();
    assert.equal(first?.metadata.annotations?.['deployment.kubernetes.io/revision-history'], '1');
  });

  it('scales up and down', async (t) => {
    const { cluster, podsOf, deployment, patch } = start(t);
    await cluster.create(deployments, web(1));
    await eventually(() => assertRolledOut(deployment()));
    await patch({ spec: { replicas: 50 } });
    await eventually(() => assertRolledOut(deployment()));
    assert.equal(podsOf().length, 50);
    await patch({ spec: { replicas: 2 } });
    await eventually(() => {
      assertRolledOut(deployment());
      assert.equal(podsOf().length, 2);
    });
    await patch({ spec: { replicas: 0 } });
    await eventually(() => assert.equal(podsOf().length, 0));
  });

  it('ends all old pods before it starts new ones with Recreate', async (t) => {
    const { cluster, podsOf, deployment, patch } = start(t);
    await cluster.create(deployments, web(3, { strategy: { type: 'Recreate' } }));
    await eventually(() => assertRolledOut(deployment()));
    let mixed = false;
    cluster.beforeWrite = () => {
      mixed ||= podsOf('v1').length > 0 && podsOf('v2').length > 0;
    };
    await patch(newImage('v2'));
    await eventually(() => {
      assertRolledOut(deployment());
      assert.equal(podsOf('v2').length, 3);
    });
    assert.equal(mixed, false);
  });

  it('does not roll while paused, and does when resumed', async (t) => {
    const { cluster, podsOf, deployment, patch } = start(t);
    await cluster.create(deployments, web(2));
    await eventually(() => assertRolledOut(deployment()));
    await patch({ spec: { paused: true } });
    await patch(newImage('v2'));
    await eventually(() => assert.equal(deployment().status?.observedGeneration, 3));
    await quiet(cluster);
    assert.equal(podsOf('v2').length, 0);
    const progressing = deployment().status?.conditions?.find(({ type }) => type === 'Progressing');
    assert.equal(progressing?.reason, 'DeploymentPaused');
    await patch({ spec: { paused: false } });
    await eventually(() => {
      assertRolledOut(deployment());
      assert.equal(podsOf('v2').length, 2);
    });
  });

  it('keeps as much history as asked for', async (t) => {
    const { cluster, podsOf, deployment, set, patch } = start(t);
    await cluster.create(deployments, web(1, { revisionHistoryLimit: 1 }));
    for (const image of ['v2', 'v3', 'v4']) {
      await eventually(() => assertRolledOut(deployment()));
      await patch(newImage(image));
      await eventually(() => assert.equal(podsOf(image).length, 1));
    }
    await eventually(() => {
      assertRolledOut(deployment());
      assert.equal(set().length, 2);
    });
  });

  it('takes another name when its hash is taken by somebody else', async (t) => {
    const { cluster, deployment, set } = start(t);
    await cluster.create(deployments, web(1));
    await eventually(() => assertRolledOut(deployment()));
    const name = set()[0]?.metadata.name ?? '';
    await cluster.delete(deployments, { namespace, name: 'web' });
    await eventually(() => assert.equal(set().length, 0));
    const stranger: ReplicaSet = {
      metadata: { namespace, name },
      spec: {
        replicas: 0,
        selector: { matchLabels: { app: 'other' } },
        template: { metadata: { labels: { app: 'other' } } },
      },
    };
    await cluster.create(replicaSets, stranger);
    await cluster.create(deployments, web(1));
    await eventually(() => assertRolledOut(deployment()));
    assert.equal(deployment().status?.collisionCount, 1);
    assert.equal(set().length, 2);
  });

  it('takes its ReplicaSets and pods with it when it is deleted, in the background and in the foreground', async (t) => {
    const { cluster, podsOf, deployment, set } = start(t);
    for (const propagationPolicy of ['Background', 'Foreground'] as const) {
      await cluster.create(deployments, web(3));
      await eventually(() => assertRolledOut(deployment()));
      await cluster.delete(deployments, { namespace, name: 'web' }, { propagationPolicy });
      await eventually(() => {
        assert.equal(cluster.all(deployments).length, 0);
        assert.equal(set().length, 0);
        assert.equal(podsOf().length, 0);
      });
    }
  });

  it('leaves its pods alone when it is deleted with orphaning, and adopts them again', async (t) => {
    const { cluster, podsOf, deployment, set } = start(t);
    await cluster.create(deployments, web(2));
    await eventually(() => assertRolledOut(deployment()));
    const names = podsOf().map((pod) => pod.metadata.name);
    await cluster.delete(deployments, { namespace, name: 'web' }, { propagationPolicy: 'Orphan' });
    await eventually(() => assert.equal(cluster.all(deployments).length, 0));
    await quiet(cluster);
    assert.equal(set().length, 1);
    assert.deepEqual(set()[0]?.metadata.ownerReferences, []);
    await cluster.create(deployments, web(2));
    await eventually(() => assertRolledOut(deployment()));
    assert.deepEqual(
      podsOf().map((pod) => pod.metadata.name),
      names,
    );
    assert.equal(set()[0]?.metadata.ownerReferences?.[0]?.uid, deployment().metadata.uid);
  });
});

describe('a ReplicaSet', () => {
  const alone = (replicas: number): ReplicaSet => ({
    metadata: { namespace, name: 'web' },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'v1' }] } },
    },
  });

  it('never creates too many, however far its informer lags', async (t) => {
    const { cluster, podsOf, set } = start(t);
    cluster.lagMs = 25;
    await cluster.create(replicaSets, alone(7));
    await eventually(() => assert.equal(set()[0]?.status?.availableReplicas, 7));
    assert.equal(cluster.writes.filter((write) => write === 'create pods').length, 7);
    assert.equal(podsOf().length, 7);
  });

  it('replaces a pod that is deleted', async (t) => {
    const { cluster, podsOf, set } = start(t);
    await cluster.create(replicaSets, alone(2));
    await eventually(() => assert.equal(set()[0]?.status?.availableReplicas, 2));
    const [victim] = podsOf();
    await cluster.delete(pods, { namespace, name: victim?.metadata.name ?? '' });
    await eventually(() => {
      assert.equal(podsOf().length, 2);
      assert.ok(!podsOf().some((pod) => pod.metadata.uid === victim?.metadata.uid));
      assert.equal(set()[0]?.status?.availableReplicas, 2);
    });
  });

  it('adopts a pod that fits and lets one go whose labels no longer do', async (t) => {
    const { cluster, podsOf, set } = start(t);
    await cluster.create(pods, {
      metadata: { namespace, name: 'stray', labels: { app: 'web' } },
      spec: { containers: [{ name: 'c', image: 'v1' }] },
    });
    await cluster.create(replicaSets, alone(2));
    await eventually(() => assert.equal(set()[0]?.status?.availableReplicas, 2));
    assert.equal(podsOf().length, 2);
    const stray = (): Pod | undefined => podsOf().find((pod) => pod.metadata.name === 'stray');
    assert.equal(stray()?.metadata.ownerReferences?.[0]?.kind, 'ReplicaSet');
    const labels = { metadata: { labels: { app: 'debug' } } };
    await cluster.patch(pods, { namespace, name: 'stray' }, labels, { type: 'merge' });
    await eventually(() => assert.equal(podsOf().length, 3));
    await eventually(() => assert.deepEqual(stray()?.metadata.ownerReferences, []));
  });

  it('stops at the first refusal, tells it in its status, and goes on when it may', async (t) => {
    const { cluster, set, podsOf } = start(t);
    let refusals = 0;
    cluster.beforeWrite = (write) => {
      if (write !== 'create pods') return;
      refusals += 1;
      throw new Error('quota');
    };
    await cluster.create(replicaSets, alone(20));
    await eventually(() => {
      const failure = set()[0]?.status?.conditions?.find(({ type }) => type === 'ReplicaFailure');
      assert.equal(failure?.reason, 'FailedCreate');
      assert.equal(failure?.message, 'quota');
    });
    assert.ok(refusals < 20, `${refusals} tries`);
    cluster.beforeWrite = () => undefined;
    await eventually(() => assert.equal(podsOf().length, 20));
    await eventually(() => assert.deepEqual(set()[0]?.status?.conditions ?? [], []));
  });
});
