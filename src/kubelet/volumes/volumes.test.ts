import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { checkVolumePath, writeVolumeFiles, type VolumeFiles } from './atomic-files.ts';
import { prepareHostPath } from './host-path.ts';
import { resolveSubPath } from './sub-path.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'volumes-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

function files(entries: Readonly<Record<string, string>>): VolumeFiles {
  return new Map(Object.entries(entries).map(([path, text]) => [path, { content: Buffer.from(text), mode: 0o640 }]));
}

test('files change all at once: one link is moved', async () => {
  const dir = join(folder, 'v');
  await writeVolumeFiles(dir, files({ a: '1', 'sub/b': '2' }));
  const first = await readlink(join(dir, '..data'));
  assert.equal(await readFile(join(dir, 'sub', 'b'), 'utf8'), '2');
  assert.equal((await stat(join(dir, 'a'))).mode & 0o777, 0o640);
  await writeVolumeFiles(dir, files({ a: '1', 'sub/b': '2' }));
  assert.equal(await readlink(join(dir, '..data')), first);
  await writeVolumeFiles(dir, files({ a: 'new', c: '3' }));
  assert.deepEqual(
    (await readdir(dir)).filter((name) => !name.startsWith('..')),
    ['a', 'c'],
  );
  assert.equal(await readFile(join(dir, 'a'), 'utf8'), 'new');
  assert.deepEqual(
    (await readdir(dir)).filter((name) => name === first),
    [],
  );
});

for (const path of ['../a', '/a', 'a/../../b', '', '..data']) {
  test(`a volume has no file ${JSON.stringify(path)}`, () => assert.throws(() => checkVolumePath(path)));
}

test('subPath: inside is made, outside is refused, also by a link', async () => {
  const volume = join(folder, 'v');
  await mkdir(volume);
  assert.deepEqual(await resolveSubPath(volume, 'a/b'), { hostPath: join(volume, 'a', 'b'), beneath: volume });
  assert.ok((await stat(join(volume, 'a', 'b'))).isDirectory());
  await symlink('a', join(volume, 'link'));
  assert.deepEqual(await resolveSubPath(volume, 'link/b'), { hostPath: join(volume, 'a', 'b'), beneath: volume });
  await symlink('/etc', join(volume, 'etc'));
  for (const path of ['..', 'a/../../x', '/etc', 'etc', 'etc/ssl/new'])
    await assert.rejects(resolveSubPath(volume, path), /leads out/);
});

test('hostPath: types are checked, and made where the type says so', async () => {
  const missing = join(folder, 'none');
  await assert.rejects(prepareHostPath({ path: missing, type: 'Directory' }), /is not a directory/);
  await assert.rejects(prepareHostPath({ path: missing, type: 'File' }), /is not a file/);
  await prepareHostPath({ path: missing, type: 'DirectoryOrCreate' });
  assert.ok((await stat(missing)).isDirectory());
  await prepareHostPath({ path: join(missing, 'f'), type: 'FileOrCreate' });
  await assert.rejects(prepareHostPath({ path: join(missing, 'f'), type: 'Socket' }), /is not a socket/);
});
