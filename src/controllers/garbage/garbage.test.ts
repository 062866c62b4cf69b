import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeObject } from '../../api/client.ts';
import { configMaps, nodes, replicaSets } from '../../api/resources.ts';
import type { OwnerReference } from '../../api/types.gen.ts';
import { fakeWorld } from '../../../test/fake-cluster/controller-context.ts';
import { eventually, quiet } from '../../../test/fake-cluster/eventually.ts';
import { startGarbageCollector } from './controller.ts';
import { judge, type OwnerState, type Verdict } from './ownership.ts';

const owner = (uid: string): OwnerReference => ({ apiVersion: 'v1', kind: 'ConfigMap', name: uid, uid });

describe('the verdict on an object', () => {
  const cases: readonly {
    name: string;
    owners: Record<string, OwnerState>;
    finalizers?: string[];
    hasDependents?: boolean;
    verdict: Verdict;
  }[] = [
    { name: 'nobody owns it', owners: {}, verdict: { action: 'keep' } },
    { name: 'its owner is well', owners: { a: 'solid' }, verdict: { action: 'keep' } },
    { name: 'its owner has gone', owners: { a: 'dangling' }, verdict: { action: 'delete', propagation: 'Background' } },
    {
      name: 'one of two has gone',
      owners: { a: 'dangling', b: 'solid' },
      verdict: { action: 'trim', ownerReferences: [owner('b')] },
    },
    {
      name: 'one of two waits',
      owners: { a: 'waiting', b: 'solid' },
      verdict: { action: 'trim', ownerReferences: [owner('b')] },
    },
    { name: 'its owner waits', owners: { a: 'waiting' }, verdict: { action: 'delete', propagation: 'Background' } },
    {
      name: 'its owner waits, and it owns others',
      owners: { a: 'waiting' },
      hasDependents: true,
      verdict: { action: 'delete', propagation: 'Foreground' },
    },
    {
      name: 'it wants its own to live on',
      owners: { a: 'dangling' },
      finalizers: ['orphan'],
      hasDependents: true,
      verdict: { action: 'delete', propagation: 'Orphan' },
    },
  ];
  for (const { name, owners, finalizers = [], hasDependents = false, verdict } of cases) {
    it(name, () => {
      const object: KubeObject = { metadata: { finalizers, ownerReferences: Object.keys(owners).map(owner) } };
      assert.deepEqual(judge({ object, states: new Map(Object.entries(owners)), hasDependents }), verdict);
    });
  }
});

describe('the garbage collector', () => {
  const namespace = 'shop';
  const map = (name: string, ...ownerReferences: OwnerReference[]): KubeObject => ({
    metadata: { namespace, name, ownerReferences },
  });

  it('asks the server before it deletes for an owner it does not know', async (t) => {
    const { cluster, context } = fakeWorld(t);
    const made = await cluster.create(configMaps, map('made'));
    startGarbageCollector(context);
    await cluster.create(configMaps, map('orphan', owner('never-was')));
    await cluster.create(configMaps, map('owned', { ...owner(made.metadata.uid ?? ''), name: 'made' }));
    await cluster.create(configMaps, map('impostor', { ...owner('another-uid'), name: 'made' }));
    await eventually(() => {
      assert.deepEqual(
        cluster.all(configMaps).map(({ metadata }) => metadata.name),
        ['made', 'owned'],
      );
    });
  });

  it('leaves objects alone whose owner is of a kind it does not know', async (t) => {
    const { cluster, context } = fakeWorld(t);
    startGarbageCollector(context);
    await cluster.create(configMaps, map('custom', { apiVersion: 'x.io/v1', kind: 'Thing', name: 't', uid: 'u' }));
    await quiet(cluster);
    assert.equal(cluster.all(configMaps).length, 1);
  });

  it('collects what a cluster-scoped owner leaves behind', async (t) => {
    const { cluster, context } = fakeWorld(t);
    startGarbageCollector(context);
    const node = await cluster.create(nodes, { metadata: { name: 'node1' } });
    const reference = { apiVersion: 'v1', kind: 'Node', name: 'node1', uid: node.metadata.uid ?? '' };
    await cluster.create(configMaps, map('of-node', reference));
    await quiet(cluster);
    assert.equal(cluster.all(configMaps).length, 1);
    await cluster.delete(nodes, { name: 'node1' });
    await eventually(() => assert.equal(cluster.all(configMaps).length, 0));
  });

  it('keeps an object as long as one owner remains, without the reference to the other', async (t) => {
    const { cluster, context } = fakeWorld(t);
    startGarbageCollector(context);
    const [a, b] = [await cluster.create(configMaps, map('a')), await cluster.create(configMaps, map('b'))];
    const references = [a, b].map(({ metadata }) => ({ ...owner(metadata.uid ?? ''), name: metadata.name ?? '' }));
    await cluster.create(configMaps, map('child', ...references));
    await cluster.delete(configMaps, { namespace, name: 'a' });
    const child = (): KubeObject | undefined =>
      cluster.all(configMaps).find(({ metadata }) => metadata.name === 'child');
    await eventually(() =>
      assert.deepEqual(
        child()?.metadata.ownerReferences?.map(({ name }) => name),
        ['b'],
      ),
    );
    await cluster.delete(configMaps, { namespace, name: 'b' });
    await eventually(() => assert.equal(child(), undefined));
  });

  it('holds a foreground deletion only for dependents that block it', async (t) => {
    const { cluster, context } = fakeWorld(t);
    startGarbageCollector(context);
    const set = await cluster.create(replicaSets, { metadata: { namespace, name: 'rs' } });
    const reference = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs', uid: set.metadata.uid ?? '' };
    const blocking = { ...map('blocking', { ...reference, blockOwnerDeletion: true }) };
    blocking.metadata.finalizers = ['x.io/hold'];
    await cluster.create(configMaps, blocking);
    await cluster.create(configMaps, { ...map('free', reference) });
    await cluster.delete(replicaSets, { namespace, name: 'rs' }, { propagationPolicy: 'Foreground' });
    await eventually(() =>
      assert.deepEqual(
        cluster.all(configMaps).map(({ metadata }) => metadata.name),
        ['blocking'],
      ),
    );
    assert.equal(cluster.all(replicaSets).length, 1);
    await cluster.patch(
      configMaps,
      { namespace, name: 'blocking' },
      { metadata: { finalizers: [] } },
      { type: 'merge' },
    );
    await eventually(() => assert.equal(cluster.all(replicaSets).length, 0));
  });

  it('ends a circle of owners that all block each other, and goes on with others', async (t) => {
    const { cluster, context } = fakeWorld(t);
    const made: KubeObject[] = [];
    for (const name of ['a', 'b', 'c']) made.push(await cluster.create(configMaps, map(name)));
    for (const [index, { metadata }] of made.entries()) {
      const { uid = '', name = '' } = made[(index + 1) % made.length]?.metadata ?? {};
      const ownerReferences = [{ ...owner(uid), name, blockOwnerDeletion: true }];
      await cluster.patch(
        configMaps,
        { namespace, name: metadata.name ?? '' },
        { metadata: { ownerReferences } },
        { type: 'merge' },
      );
    }
    startGarbageCollector(context);
    await cluster.delete(configMaps, { namespace, name: 'a' }, { propagationPolicy: 'Foreground' });
    await eventually(() => assert.equal(cluster.all(configMaps).length, 0));
  });
});
