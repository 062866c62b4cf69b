import { createReadStream } from 'node:fs';
import { chmod, mkdir } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { text } from 'node:stream/consumers';
import { extract, pack, type Pack } from 'tar-stream';
import { startProcess } from '../../kernel/start-process.ts';
import { decompressorOf, DigestStream } from './digest.ts';
import { LayerGuard } from './layer-guard.ts';

/** Writes what the guard admits of a layer's archive to `output`. */
export async function rewriteLayer(input: Readable, output: Pack): Promise<void> {
  const guard = new LayerGuard();
  const archive = extract();
  const reading = pipeline(input, archive as unknown as Writable);
  reading.catch(() => undefined); // shows in the loop as well
  for await (const entry of archive) {
    const header = guard.admit(entry.header);
    if (header === undefined || header.type !== 'file') {
      entry.resume();
      if (header !== undefined) output.entry({ ...header, size: 0 });
    } else {
      await pipeline(entry as unknown as Readable, output.entry(header) as unknown as Writable);
    }
  }
  await reading;
  output.finalize();
}

/**
 * Unpacks a layer file (tar, gzip or zstd or not) into a new folder, as overlayfs wants it: owners, modes, links, devices and
 * extended attributes by tar(1), which gets only what the guard let through. Resolves with the digests of the file as it is and
 * of its content; the caller compares, and removes the folder when anything rejects.
 */
export async function unpackLayer(
  file: string,
  folder: string,
): Promise<{ readonly digest: string; readonly diffId: string }> {
  await mkdir(folder);
  await chmod(folder, 0o755); // the root folder of containers, when the layer does not say
  const decompressor = await decompressorOf(file);
  const tar = await startProcess({
    argv: ['tar', '--extract', '--file=-', `--directory=${folder}`, ...tarOptions],
    stdin: true,
    env: { TAR_OPTIONS: '' },
  });
  if (tar.stdin === undefined || tar.stderr === undefined) throw new Error('tar without pipes');
  const whole = new DigestStream();
  const content = decompressor === undefined ? whole : new DigestStream();
  const output = pack();
  tar.stdout.resume();
  const complaints = text(tar.stderr);
  const source = createReadStream(file, { highWaterMark: readBytes });
  const feeding = Promise.all([
    pipeline(decompressor === undefined ? [source, whole] : [source, whole, decompressor, content]),
    rewriteLayer(content, output),
    pipeline(output as unknown as Readable, tar.stdin),
  ]);
  feeding.catch(() => {
    output.destroy();
    tar.kill('SIGKILL');
  });
  const [fed, end] = await Promise.all([
    feeding.then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
    ),
    tar.ended,
  ]);
  if (end.exitCode !== undefined && end.exitCode !== 0)
    throw new Error(`tar: ${(await complaints).trim().slice(0, 1000)}`);
  if (fed !== undefined) throw fed;
  const digest = whole.digest();
  return { digest, diffId: content === whole ? digest : content.digest() };
}

/** A layer is large; each piece passes several streams. */
const readBytes = 1024 * 1024;

const tarOptions = [
  '--numeric-owner',
  '--same-owner',
  '--same-permissions',
  '--delay-directory-restore',
  '--xattrs',
  '--xattrs-include=*',
];
