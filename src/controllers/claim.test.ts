import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeObject } from '../api/client.ts';
import { configMaps, replicaSets } from '../api/resources.ts';
import { FakeCluster } from '../../test/fake-cluster/index.ts';
import { claimAll, claimOf, type Claim, type Owner } from './claim.ts';

const deletionTimestamp = '2026-01-01T00:00:00Z';

function owner(metadata: KubeObject['metadata'] = {}): Owner {
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { namespace: 'n', name: 'rs', uid: 'me', ...metadata },
  };
}

function owned(uid: string, metadata: KubeObject['metadata'] = {}): KubeObject {
  const reference = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs', uid, controller: true };
  return { metadata: { ...metadata, ownerReferences: [reference] } };
}

describe('an object that an owner may care about', () => {
  const free: KubeObject = { metadata: {} };
  const cases: readonly { name: string; owner?: Owner; object: KubeObject; matches: boolean; claim: Claim }[] = [
    { name: 'its own, matching', object: owned('me'), matches: true, claim: 'keep' },
    { name: 'its own, no longer matching', object: owned('me'), matches: false, claim: 'release' },
    { name: "somebody else's", object: owned('other'), matches: true, claim: 'ignore' },
    { name: 'free and matching', object: free, matches: true, claim: 'adopt' },
    { name: 'free, not matching', object: free, matches: false, claim: 'ignore' },
    { name: 'free but leaving', object: { metadata: { deletionTimestamp } }, matches: true, claim: 'ignore' },
    {
      name: 'free, the owner leaving',
      owner: owner({ deletionTimestamp }),
      object: free,
      matches: true,
      claim: 'ignore',
    },
    {
      name: 'not matching, the owner leaving',
      owner: owner({ deletionTimestamp }),
      object: owned('me'),
      matches: false,
      claim: 'ignore',
    },
  ];
  for (const { name, owner: subject = owner(), object, matches, claim } of cases) {
    it(`${name}: ${claim}`, () => {
      assert.equal(claimOf(subject, object, matches), claim);
    });
  }

  it('is not adopted for an owner that the server knows to be leaving', async () => {
    const cluster = new FakeCluster();
    const made = await cluster.create(replicaSets, { metadata: { namespace: 'n', name: 'rs', finalizers: ['x'] } });
    const object = await cluster.create(configMaps, {
      metadata: { namespace: 'n', name: 'free', labels: { app: 'a' } },
    });
    const stale = owner({ uid: made.metadata.uid ?? '' });
    const claim = (): Promise<KubeObject[]> =>
      claimAll(cluster, replicaSets, stale, { matchLabels: { app: 'a' } }, configMaps, [object]);
    await cluster.delete(replicaSets, { namespace: 'n', name: 'rs' });
    assert.deepEqual(await claim(), []);
    assert.equal(cluster.all(configMaps)[0]?.metadata.ownerReferences, undefined);
  });
});
