/** Archives of images into the store, and what an overlay of their layers shows. Needs root. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { before, describe, test } from 'node:test';
import { buffer } from 'node:stream/consumers';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { pack, type Header } from 'tar-stream';
import { silentLogger } from '../../src/api/logger.ts';
import { mountOverlay, unmount } from '../../src/kernel/mount.ts';
import { createDirectExec } from '../../src/kernel/run-process.ts';
import { createImageService } from '../../src/runtime/images/index.ts';
import { isInside, prepareMachine, runInside } from './runtime-node.ts';

type Entry = readonly [Partial<Header> & { readonly name: string }, string?];

const dir = '/run/images-test';
const exec = createDirectExec();

async function tarOf(entries: readonly Entry[]): Promise<Buffer> {
  const archive = pack();
  for (const [header, content] of entries) archive.entry({ mtime: new Date(0), ...header }, content ?? '');
  archive.finalize();
  return buffer(archive);
}

const sha256 = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex');

/** A `docker save` archive of one image. */
async function dockerArchive(
  tag: string,
  layers: readonly Buffer[],
  diffIds = layers.map((layer) => `sha256:${sha256(layer)}`),
): Promise<Buffer> {
  const config = JSON.stringify({
    architecture: 'amd64',
    os: 'linux',
    config: { Cmd: [tag] },
    rootfs: { type: 'layers', diff_ids: diffIds },
  });
  const names = layers.map((_layer, at) => `layer${at}/layer.tar`);
  const manifest = JSON.stringify([{ Config: 'config.json', RepoTags: [tag], Layers: names }]);
  const blobs = layers.map((layer, at): Entry => [
    { name: names[at] ?? '' },
    at === 1 ? gzipSync(layer).toString('latin1') : layer.toString('latin1'),
  ]);
  const archive = pack();
  archive.entry({ name: 'config.json' }, config);
  archive.entry({ name: 'manifest.json' }, manifest);
  for (const [header, content = ''] of blobs) archive.entry(header, Buffer.from(content, 'latin1'));
  archive.finalize();
  return buffer(archive);
}

function write(name: string, bytes: Buffer): string {
  writeFileSync(`${dir}/${name}`, bytes);
  return `${dir}/${name}`;
}

if (!isInside) test('images on a real file system', () => runInside(import.meta.filename));
else describe('inside', { concurrency: false }, inside);

function inside(): void {
  const images = createImageService({ dir: `${dir}/store`, exec, logger: silentLogger });
  const layersHere = (): string[] => (existsSync(`${dir}/store/layers`) ? readdirSync(`${dir}/store/layers`) : []);

  before(async () => {
    await prepareMachine(exec);
    mkdirSync(`${dir}/view`, { recursive: true });
  });

  test('two layers: removed files, replaced folders, links, owners and modes', async () => {
    const bottom = await tarOf([
      [{ name: './etc/', type: 'directory' }],
      [{ name: './etc/gone' }, 'x'],
      [{ name: './etc/kept' }, 'kept'],
      [{ name: './srv/', type: 'directory' }],
      [{ name: './srv/old' }, 'x'],
      [{ name: './bin/tool', mode: 0o4755, uid: 12, gid: 34 }, 'tool'],
      [{ name: './bin/same', type: 'link', linkname: './bin/tool' }],
      [{ name: './abs', type: 'symlink', linkname: '/etc/kept' }],
    ]);
    const top = await tarOf([
      [{ name: 'etc/.wh.gone' }],
      [{ name: 'srv', type: 'directory', mode: 0o750, uid: 7 }],
      [{ name: 'srv/.wh..wh..opq' }],
      [{ name: 'srv/new' }, 'new'],
    ]);
    const [image] = await images.importArchive(write('two.tar', await dockerArchive('two:1', [bottom, top])));
    assert.deepEqual(image?.tags, ['docker.io/library/two:1']);
    const { layers, config, name } = await images.hold(image?.id ?? '', 'n', 'h');
    assert.deepEqual([config.Cmd, name, layers.length], [['two:1'], 'docker.io/library/two:1', 2]);
    const view = `${dir}/view`;
    await mountOverlay(exec, { lower: layers, target: view });
    assert.deepEqual(readdirSync(`${view}/etc`), ['kept']);
    assert.deepEqual(readdirSync(`${view}/srv`), ['new']);
    assert.deepEqual([statSync(`${view}/srv`).mode & 0o7777, statSync(`${view}/srv`).uid], [0o750, 7]);
    const tool = statSync(`${view}/bin/tool`);
    assert.deepEqual([tool.mode & 0o7777, tool.uid, tool.gid, tool.nlink], [0o4755, 12, 34, 2]);
    assert.equal(readFileSync(`${view}/bin/same`, 'utf8'), 'tool');
    assert.equal(readlinkSync(`${view}/abs`), '/etc/kept');
    await unmount(exec, [view]);
    await images.release('n', 'h');
  });

  test('an archive may be gzip or zstd; the same image twice is one image', async () => {
    const before = await images.listImages();
    const bytes = readFileSync(`${dir}/two.tar`);
    await images.importArchive(write('two.tar.gz', gzipSync(bytes)), { tag: 'registry.example:5000/again' });
    await images.importArchive(write('two.tar.zst', zstdCompressSync(bytes)));
    const after = await images.listImages();
    assert.equal(after.length, before.length);
    assert.deepEqual(after[0]?.tags, ['docker.io/library/two:1', 'registry.example:5000/again:latest']);
    assert.equal(layersHere().length, 2);
  });

  test('a layer that writes through a link, leaves, or is not what its digest says is refused, and nothing is left', async () => {
    mkdirSync(`${dir}/target`);
    const through = await tarOf([[{ name: 'a', type: 'symlink', linkname: `${dir}/target` }], [{ name: 'a/x' }, 'x']]);
    const outside = await tarOf([[{ name: `../../target/y` }, 'y']]);
    const honest = await tarOf([[{ name: 'z' }, 'z']]);
    const before = layersHere();
    await assert.rejects(
      images.importArchive(write('1.tar', await dockerArchive('bad:1', [through]))),
      /through a symbolic link/,
    );
    await assert.rejects(
      images.importArchive(write('2.tar', await dockerArchive('bad:2', [outside]))),
      /leaves the layer/,
    );
    const wrong = await dockerArchive('bad:3', [honest], [`sha256:${'0'.repeat(64)}`]);
    await assert.rejects(images.importArchive(write('3.tar', wrong)), /the image says sha256:000/);
    await assert.rejects(images.importArchive(write('4.tar', honest)), /neither an OCI layout/);
    assert.deepEqual(readdirSync(`${dir}/target`), []);
    assert.deepEqual(layersHere(), before);
    assert.equal(await images.imageStatus('bad:1'), undefined);
    assert.equal(existsSync(`${dir}/store/work`), false);
  });

  test('two processes at once: one after the other, both see both', async () => {
    const other = createImageService({ dir: `${dir}/store`, exec, logger: silentLogger });
    const [one, two] = await Promise.all(
      ['one', 'two'].map(async (content) =>
        write(`${content}-at-once.tar`, await dockerArchive(`${content}:x`, [await tarOf([[{ name: 'f' }, content]])])),
      ),
    );
    await Promise.all([images.importArchive(one ?? ''), other.importArchive(two ?? '')]);
    for (const name of ['one:x', 'two:x']) assert.ok((await images.imageStatus(name)) !== undefined, name);
  });

  test('a name goes alone, the image with its last name, its layers with it', async () => {
    await images.removeImage('registry.example:5000/again');
    assert.deepEqual((await images.imageStatus('two:1'))?.tags, ['docker.io/library/two:1']);
    await images.hold((await images.imageStatus('two:1'))?.id ?? '', 'n', 'h');
    await images.removeImage('two:1');
    assert.equal(await images.imageStatus('two:1'), undefined);
    assert.equal(layersHere().length, 4);
    await images.release('n', 'h');
    for (const name of ['one:x', 'two:x']) await images.removeImage(name);
    assert.deepEqual(layersHere(), []);
    assert.deepEqual(readdirSync(`${dir}/store/blobs`), []);
    await images.removeImage('never-was-here');
    assert.equal(lstatSync(`${dir}/store/index.json`).mode & 0o777, 0o600);
  });
}
