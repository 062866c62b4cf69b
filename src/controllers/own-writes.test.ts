import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { configMaps } from '../api/resources.ts';
import type { ConfigMap } from '../api/types.gen.ts';
import { fakeWorld } from '../../test/fake-cluster/controller-context.ts';
import { eventually } from '../../test/fake-cluster/eventually.ts';
import { OwnWrites } from './own-writes.ts';

const metadata = { namespace: 'n', name: 'a' };
const key = 'n/a';

/** An informer that learns of everything 40 ms late. */
async function start(t: TestContext) {
  const { cluster, context } = fakeWorld(t);
  const informer = context.informers.informer(configMaps);
  await informer.synced;
  cluster.lagMs = 40;
  const writes = new OwnWrites<ConfigMap>(informer);
  return { cluster, informer, writes };
}

describe('own writes', () => {
  it('are read back before the informer has them', async (t) => {
    const { cluster, informer, writes } = await start(t);
    writes.wrote('mine', await cluster.create(configMaps, { metadata, data: { x: '1' } }));
    assert.equal(informer.get(key), undefined);
    assert.equal(writes.get(key)?.data?.['x'], '1');
    assert.equal(writes.list('mine', informer.list()).length, 1);
    assert.equal(writes.list('other', informer.list()).length, 0);
    await eventually(() => assert.notEqual(informer.get(key), undefined));
    writes.wrote('mine', await cluster.patch(configMaps, metadata, { data: { x: '2' } }, { type: 'merge' }));
    assert.equal(informer.get(key)?.data?.['x'], '1');
    assert.equal(writes.get(key)?.data?.['x'], '2');
    assert.deepEqual(
      writes.list('mine', informer.list()).map(({ data }) => data),
      [{ x: '2' }],
    );
  });

  it('of deletions count at once, and not for the next object of that name', async (t) => {
    const { cluster, informer, writes } = await start(t);
    const first = await cluster.create(configMaps, { metadata });
    await eventually(() => assert.notEqual(informer.get(key), undefined));
    await cluster.delete(configMaps, metadata);
    writes.deleted('mine', first);
    assert.deepEqual([writes.get(key), writes.list('mine', informer.list())], [undefined, []]);
    const second = await cluster.create(configMaps, { metadata });
    await eventually(() => assert.equal(informer.get(key)?.metadata.uid, second.metadata.uid));
    assert.equal(writes.get(key)?.metadata.uid, second.metadata.uid);
  });

  it('give way to what somebody else wrote later', async (t) => {
    const { cluster, informer, writes } = await start(t);
    writes.wrote('mine', await cluster.create(configMaps, { metadata, data: { x: '1' } }));
    await cluster.patch(configMaps, metadata, { data: { x: 'theirs' } }, { type: 'merge' });
    await eventually(() => assert.equal(informer.get(key)?.data?.['x'], 'theirs'));
    const seen = informer.get(key) ?? assert.fail('not there');
    assert.equal(writes.get(key)?.data?.['x'], 'theirs');
    assert.equal(writes.isOwn(seen), false);
  });
});
