import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { configMaps, namespaces, pods, serviceAccounts } from '../../api/resources.ts';
import type { Namespace } from '../../api/types.gen.ts';
import { fakeWorld, type FakeWorld } from '../../../test/fake-cluster/controller-context.ts';
import { eventually } from '../../../test/fake-cluster/eventually.ts';
import { startRootCaPublisher } from '../root-ca-publisher.ts';
import { startServiceAccountController } from '../service-accounts.ts';
import { startNamespaceController } from './controller.ts';

function start(t: TestContext): FakeWorld {
  const world = fakeWorld(t);
  startNamespaceController(world.context);
  startServiceAccountController(world.context);
  startRootCaPublisher(world.context, { rootCA: 'PEM' });
  return world;
}

const shop = ({ cluster }: FakeWorld): Namespace | undefined =>
  cluster.all(namespaces).find(({ metadata }) => metadata.name === 'shop');
const condition = (world: FakeWorld, type: string): string | undefined =>
  shop(world)?.status?.conditions?.find((each) => each.type === type)?.message;

async function furnished(t: TestContext): Promise<FakeWorld> {
  const world = start(t);
  for (const name of ['shop', 'other']) await world.cluster.create(namespaces, { metadata: { name } });
  await eventually(() =>
    assert.equal(world.cluster.all(configMaps).length + world.cluster.all(serviceAccounts).length, 4),
  );
  return world;
}

describe('a namespace', () => {
  it('is given a service account and the root certificate, again when they are taken away', async (t) => {
    const { cluster } = await furnished(t);
    const root = { namespace: 'shop', name: 'kube-root-ca.crt' };
    assert.deepEqual(cluster.all(configMaps, 'shop')[0]?.data, { 'ca.crt': 'PEM' });
    await cluster.delete(serviceAccounts, { namespace: 'shop', name: 'default' });
    await cluster.patch(configMaps, root, { data: { 'ca.crt': 'other' } }, { type: 'merge' });
    await eventually(() => {
      assert.equal(cluster.all(serviceAccounts, 'shop').length, 1);
      assert.deepEqual(cluster.all(configMaps, 'shop')[0]?.data, { 'ca.crt': 'PEM' });
    });
  });

  it('goes with all that is in it, and with nothing else', async (t) => {
    const world = await furnished(t);
    const { cluster } = world;
    await cluster.create(configMaps, { metadata: { namespace: 'shop', name: 'conf' } });
    await cluster.delete(namespaces, { name: 'shop' });
    await eventually(() => assert.equal(shop(world), undefined));
    assert.equal(cluster.all(configMaps, 'shop').length + cluster.all(serviceAccounts, 'shop').length, 0);
    assert.equal(cluster.all(configMaps, 'other').length + cluster.all(serviceAccounts, 'other').length, 2);
  });

  it('waits for its pods before anything else goes, and says so', async (t) => {
    const world = await furnished(t);
    const { cluster } = world;
    const pod = { namespace: 'shop', name: 'p' };
    await cluster.create(pods, { metadata: pod, spec: { nodeName: 'node1', containers: [] } });
    await cluster.delete(namespaces, { name: 'shop' });
    await eventually(() => {
      const message = 'Some resources are remaining: pods has 1 resource instances';
      assert.equal(condition(world, 'NamespaceContentRemaining'), message);
    });
    assert.equal(cluster.all(configMaps, 'shop').length, 1);
    await cluster.delete(pods, pod, { gracePeriodSeconds: 0 });
    await eventually(() => assert.equal(shop(world), undefined), 1000);
  });

  it('waits for finalizers, and names them', async (t) => {
    const world = await furnished(t);
    const { cluster } = world;
    const held = { namespace: 'shop', name: 'held' };
    await cluster.create(configMaps, { metadata: { ...held, finalizers: ['x.io/hold'] } });
    await cluster.delete(namespaces, { name: 'shop' });
    await eventually(() => {
      const message = 'Some content in the namespace has finalizers remaining: x.io/hold in 1 resource instances';
      assert.equal(condition(world, 'NamespaceFinalizersRemaining'), message);
    });
    await cluster.patch(configMaps, held, { metadata: { finalizers: [] } }, { type: 'merge' });
    await eventually(() => assert.equal(shop(world), undefined), 1000);
  });
});
