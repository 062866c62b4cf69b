import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { digestHex, digestOf } from './digest.ts';
import { packLayer, writeMadeImage, type FileContent, type LayerFile } from './made-image.ts';

const filesWith = (content: FileContent): readonly LayerFile[] => [
  { kind: 'folder', path: 'bin', mode: 0o755 },
  { kind: 'file', path: 'bin/a', mode: 0o755, content },
  { kind: 'symlink', path: 'bin/b', mode: 0o777, target: 'a' },
];

test('a layer that is written straight to disk is the one that is packed in memory', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'made-image-'));
  try {
    const large = Buffer.alloc(3_000_001, 'x');
    const from = join(folder, 'large');
    await writeFile(from, large);
    const packed = await packLayer(filesWith(large));
    const made = (layers: Parameters<typeof writeMadeImage>[1]['layers']) => ({ names: ['x'], layers, config: {} });
    const id = await writeMadeImage(join(folder, 'memory'), made([packed]));
    assert.equal(await writeMadeImage(join(folder, 'disk'), made([filesWith({ from })])), id);
    const blob = await readFile(join(folder, 'disk/blobs/sha256', digestHex(digestOf(packed))));
    assert.equal(Buffer.compare(blob, packed), 0);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a file that is not there is told, and nothing waits for ever', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'made-image-'));
  try {
    const layers = [filesWith({ from: join(folder, 'nowhere') })];
    await assert.rejects(writeMadeImage(folder, { names: ['x'], layers, config: {} }), /ENOENT.*nowhere/);
  } finally {
    await rm(folder, { recursive: true });
  }
});
