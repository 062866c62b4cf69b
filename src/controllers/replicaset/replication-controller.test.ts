/** Stories of ReplicationControllers on an API server in memory; what they share with ReplicaSets is told with those. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { pods, replicationControllers } from '../../api/resources.ts';
import type { Pod, ReplicationController } from '../../api/types.gen.ts';
import { fakeWorld, type FakeWorld } from '../../../test/fake-cluster/controller-context.ts';
import { eventually, quiet } from '../../../test/fake-cluster/eventually.ts';
import { startReplicaSetController, startReplicationController } from './controller.ts';

const namespace = 'shop';
const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'v1' }] } };

const web = (replicas: number): ReplicationController => ({
  metadata: { namespace, name: 'web' },
  spec: { replicas, selector: { app: 'web' }, template },
});

function start(t: TestContext): FakeWorld {
  const world = fakeWorld(t);
  startReplicaSetController(world.context);
  startReplicationController(world.context);
  return world;
}

const podsOf = ({ cluster }: FakeWorld): Pod[] => cluster.all(pods);
const stored = ({ cluster }: FakeWorld): ReplicationController | undefined => cluster.all(replicationControllers)[0];

describe('a ReplicationController', () => {
  it('has as many pods as it asks for, and they name it as their controller', async (t) => {
    const world = start(t);
    await world.cluster.create(replicationControllers, web(2));
    await eventually(() => assert.equal(stored(world)?.status?.replicas, 2));
    for (const { metadata } of podsOf(world)) {
      const [owner] = metadata.ownerReferences ?? [];
      assert.deepEqual([owner?.apiVersion, owner?.kind, owner?.controller], ['v1', 'ReplicationController', true]);
      assert.match(metadata.name ?? '', /^web-/);
    }
    assert.deepEqual(stored(world)?.status, { replicas: 2, fullyLabeledReplicas: 2, observedGeneration: 1 });
    assert.equal(world.told.filter((text) => text.startsWith('SuccessfulCreate: Created pod: web-')).length, 2);
    await world.cluster.patch(
      replicationControllers,
      { namespace, name: 'web' },
      { spec: { replicas: 1 } },
      { type: 'merge' },
    );
    await eventually(() => assert.equal(podsOf(world).length, 1));
    await quiet(world.cluster);
    const before = world.cluster.writes.length;
    await quiet(world.cluster, 100);
    assert.equal(world.cluster.writes.length, before);
  });

  it('adopts a pod that fits and lets one go whose labels no longer do', async (t) => {
    const world = start(t);
    const metadata = { namespace, name: 'stray', labels: { app: 'web' } };
    await world.cluster.create(pods, { metadata, spec: template.spec });
    await world.cluster.create(replicationControllers, web(1));
    const stray = (): Pod | undefined => podsOf(world).find((pod) => pod.metadata.name === 'stray');
    await eventually(() => assert.equal(stray()?.metadata.ownerReferences?.[0]?.kind, 'ReplicationController'));
    const labels = { metadata: { labels: { app: 'debug' } } };
    await world.cluster.patch(pods, { namespace, name: 'stray' }, labels, { type: 'merge' });
    await eventually(() => assert.deepEqual(stray()?.metadata.ownerReferences, []));
    await eventually(() => assert.equal(podsOf(world).length, 2));
  });

  it('tells a refusal in its status, and takes it back', async (t) => {
    const world = start(t);
    world.cluster.beforeWrite = (write) => {
      if (write === 'create pods') throw new Error('quota');
    };
    await world.cluster.create(replicationControllers, web(1));
    await eventually(() => {
      const [failure] = stored(world)?.status?.conditions ?? [];
      assert.deepEqual([failure?.type, failure?.reason, failure?.message], ['ReplicaFailure', 'FailedCreate', 'quota']);
    });
    world.cluster.beforeWrite = () => undefined;
    await eventually(() => assert.deepEqual(stored(world)?.status?.conditions ?? [], []));
    assert.equal(podsOf(world).length, 1);
  });
});
