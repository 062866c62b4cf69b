import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { services, slices } from '../testing/cluster.ts';
import { readSnapshot, writeSnapshot } from './snapshot.ts';

const folder = mkdtempSync(join(tmpdir(), 'dns-snapshot-'));
after(() => rmSync(folder, { recursive: true }));

const lists = {
  services,
  endpointslices: slices,
  namespaces: [{ metadata: { name: 'shop' } }],
  pods: [{ metadata: { namespace: 'shop', name: 'a' }, status: { podIPs: [{ ip: '10.45.1.9' }] } }],
};

test('what is written is what is read', async () => {
  const path = join(folder, 'whole');
  await writeSnapshot(path, lists);
  const saved = await readSnapshot(path);
  assert.deepEqual(saved?.service('shop', 'far')?.spec, { type: 'ExternalName', externalName: 'Example.ORG.' });
  assert.deepEqual(
    saved.slicesOf('shop', 'db').map(({ metadata }) => metadata.name),
    ['db-1', 'db-2'],
  );
  assert.equal(saved.servicesAt('10.46.0.9')[0]?.metadata.name, 'web');
  assert.equal(saved.slicesAt('10.45.2.4')[0]?.metadata.name, 'db-1');
  assert.deepEqual([saved.hasNamespace('shop'), saved.hasNamespace('quiet')], [true, false]);
  assert.equal(saved.namespaceOf('10.45.1.9'), 'shop');
  assert.ok(!existsSync(`${path}.new`));
});

test('none, half of one, and something else are not believed', async () => {
  assert.equal(await readSnapshot(join(folder, 'none')), undefined);
  const path = join(folder, 'half');
  await writeSnapshot(path, lists);
  writeFileSync(path, readFileSync(path, 'utf8').split('\n').slice(0, 3).join('\n'));
  await assert.rejects(readSnapshot(path), /2 objects of 10 are there/);
  writeFileSync(path, '{"kind":"List"}\n');
  await assert.rejects(readSnapshot(path), /not a snapshot/);
});
