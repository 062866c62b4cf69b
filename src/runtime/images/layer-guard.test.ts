import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { extract, pack, type Header } from 'tar-stream';
import { LayerGuard, layerPath, type LayerEntry } from './layer-guard.ts';
import { rewriteLayer } from './layer-unpack.ts';

function header(name: string, type: Header['type'] = 'file', more: Partial<Header> = {}): Header {
  const empty = {
    size: 0,
    mode: 0o644,
    mtime: new Date(0),
    linkname: '',
    uid: 0,
    gid: 0,
    uname: '',
    gname: '',
    devmajor: 0,
    devminor: 0,
  };
  return { ...empty, name, type, ...more };
}

/** Admits all and gives the last answer. */
function admit(...headers: Header[]): LayerEntry | undefined {
  const guard = new LayerGuard();
  return headers.map((entry) => guard.admit(entry)).at(-1);
}

test('paths stay inside', () => {
  assert.equal(layerPath('./usr//bin/./sh'), 'usr/bin/sh');
  assert.equal(layerPath('/etc/passwd'), 'etc/passwd');
  assert.equal(layerPath('./'), '');
  for (const name of ['../x', 'a/../../x', 'a/..', '/..', `a\0b`, 'x/'.repeat(600), 'x'.repeat(5000)]) {
    assert.throws(() => layerPath(name), /layer/, JSON.stringify(name.slice(0, 20)));
  }
});

test('nothing is written through a link of the layer', () => {
  const link = header('a', 'symlink', { linkname: '/etc' });
  assert.throws(() => admit(link, header('a/passwd')), /through a symbolic link/);
  assert.throws(() => admit(link, header('b', 'link', { linkname: 'a/passwd' })), /through a symbolic link/);
  assert.throws(() => admit(link, header('a/.wh.passwd')), /through a symbolic link/);
  assert.equal(admit(link, header('a', 'directory'), header('a/passwd'))?.name, 'a/passwd');
  assert.equal(admit(link, header('ab/passwd'))?.name, 'ab/passwd');
});

test('hard links stay inside', () => {
  assert.equal(admit(header('b', 'link', { linkname: '/bin/a' }))?.linkname, 'bin/a');
  assert.throws(() => admit(header('b', 'link', { linkname: '../../etc/shadow' })), /leaves the layer/);
  assert.throws(() => admit(header('b', 'link', { linkname: '' })), /leads nowhere/);
});

test('a whiteout becomes a device 0/0', () => {
  const entry = admit(header('etc/.wh.motd'));
  assert.deepEqual(
    [entry?.name, entry?.type, entry?.devmajor, entry?.devminor],
    ['etc/motd', 'character-device', 0, 0],
  );
  assert.throws(() => admit(header('etc/.wh...')), /removes nothing/);
  assert.equal(admit(header('.wh..wh.plnk', 'directory')), undefined);
});

test('a replaced folder keeps its owner and mode and becomes opaque', () => {
  const entry = admit(header('srv', 'directory', { mode: 0o750, uid: 7 }), header('srv/.wh..wh..opq'));
  assert.deepEqual([entry?.name, entry?.type, entry?.mode, entry?.uid], ['srv/', 'directory', 0o750, 7]);
  assert.deepEqual(entry?.pax, { 'SCHILY.xattr.trusted.overlay.opaque': 'y' });
});

test('attributes that overlayfs reads are not the layer’s to set', () => {
  const pax = {
    'SCHILY.xattr.trusted.overlay.redirect': '/etc',
    'SCHILY.xattr.user.overlay.opaque': 'y',
    path: 'x',
    'SCHILY.xattr.user.a': 'b',
  };
  assert.deepEqual(admit(header('x', 'file', { pax }))?.pax, { 'SCHILY.xattr.user.a': 'b' });
});

test('sizes are bounded', () => {
  const large = header('x', 'file', { size: 40 * 1024 ** 3 });
  assert.throws(() => admit(large, large), /too large/);
});

test('a rewritten archive holds what was admitted, with its content', async () => {
  const input = pack();
  input.entry({ name: './etc/', type: 'directory' });
  input.entry({ name: './etc/motd' }, 'hello');
  input.entry({ name: './etc/.wh.hosts' }, '');
  input.finalize();
  const output = pack();
  const source = Readable.from([await buffer(input)]);
  const [bytes] = await Promise.all([buffer(output), rewriteLayer(source, output)]);
  const seen: string[] = [];
  const reader = extract();
  Readable.from([bytes]).pipe(reader);
  for await (const entry of reader) {
    seen.push(`${entry.header.type} ${entry.header.name} ${(await buffer(entry)).toString()}`);
  }
  assert.deepEqual(seen, ['directory etc/ ', 'file etc/motd hello', 'character-device etc/hosts ']);
});
