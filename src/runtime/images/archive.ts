import { createReadStream, createWriteStream } from 'node:fs';
import { lstat, mkdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { posix } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract } from 'tar-stream';
import { decompressorOf } from './digest.ts';
import { layerPath } from './layer-guard.ts';

/** JSON files of an image are small; larger ones are an attack. */
const maxJsonBytes = 8 * 1024 * 1024;
const maxArchiveFiles = 10_000;

/** The files of an OCI layout or a docker archive, by the names they have in it. */
export interface Archive {
  /** The file's place on disk; undefined when the archive has none of that name. */
  find(name: string): Promise<string | undefined>;
  /** A JSON file; undefined when it is not there. */
  json(name: string): Promise<{ readonly bytes: Buffer; readonly value: unknown } | undefined>;
}

/** Opens a folder as it is, or a tar (gzip or zstd or not) by laying its files into `scratch`, a new folder that the caller removes. */
export async function openArchive(path: string, scratch: string): Promise<Archive> {
  if ((await stat(path)).isDirectory()) return archiveIn(path, new Map());
  return archiveIn(scratch, await layOut(path, scratch));
}

function archiveIn(folder: string, links: ReadonlyMap<string, string>): Archive {
  const find = async (name: string): Promise<string | undefined> => {
    const inside = layerPath(name);
    const path = join(folder, links.get(inside) ?? inside);
    const facts = await lstat(path).catch(() => undefined);
    return facts?.isFile() === true ? path : undefined;
  };
  const json = async (name: string): ReturnType<Archive['json']> => {
    const path = await find(name);
    if (path === undefined) return undefined;
    if ((await stat(path)).size > maxJsonBytes) throw new Error(`${name} is larger than ${maxJsonBytes} bytes`);
    const bytes = await readFile(path);
    return { bytes, value: JSON.parse(bytes.toString()) as unknown };
  };
  return { find, json };
}

/** Writes regular files only, and remembers links between them (older docker archives share layers by symbolic links). */
async function layOut(path: string, scratch: string): Promise<Map<string, string>> {
  const links = new Map<string, string>();
  const archive = extract();
  const decompressor = await decompressorOf(path);
  const between = decompressor === undefined ? [] : [decompressor];
  const reading = pipeline([createReadStream(path), ...between, archive as unknown as Writable]);
  reading.catch(() => undefined); // shows in the loop as well
  let files = 0;
  for await (const entry of archive) {
    const { type, linkname } = entry.header;
    const name = layerPath(entry.header.name);
    if (++files > maxArchiveFiles) throw new Error(`the archive holds more than ${maxArchiveFiles} files`);
    if (type === 'file' && name !== '') {
      await mkdir(dirname(join(scratch, name)), { recursive: true });
      await pipeline(
        entry as unknown as Readable,
        createWriteStream(join(scratch, name), { flags: 'wx', mode: 0o600 }),
      );
      continue;
    }
    entry.resume();
    if (type === 'symlink' || type === 'link') {
      const base = type === 'symlink' ? posix.dirname(name) : '.';
      links.set(name, layerPath(posix.normalize(posix.join(base, linkname ?? ''))));
    }
  }
  await reading;
  return links;
}
