/**
 * The cluster as a file, so that a server that starts while the API server is away knows what the last one knew: a line of JSON an
 * object, under a first line that says what it is. Written beside, then renamed, in pieces: questions are answered in between.
 */
import { createReadStream } from 'node:fs';
import { open, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setImmediate as breathe } from 'node:timers/promises';
import type { Logger } from '../../api/logger.ts';
import type { ObjectLists } from '../objects.ts';
import { SavedObjects, type SavedLine } from './saved-objects.ts';

interface Header {
  readonly version: 1;
  /** Lines that follow: a file that was cut is not believed. */
  readonly objects: number;
}

const maxBytes = 512 * 1024 * 1024;
/** Objects that are made text of in one go. */
const pieceSize = 100;

function* linesOf({ services, endpointslices, namespaces, pods }: ObjectLists): Generator<SavedLine> {
  for (const object of namespaces) yield { kind: 'Namespace', object };
  for (const object of services) yield { kind: 'Service', object };
  for (const object of endpointslices) yield { kind: 'EndpointSlice', object };
  for (const object of pods) yield { kind: 'Pod', object };
}

async function writeLines(file: FileHandle, lists: ObjectLists): Promise<void> {
  const { services, endpointslices, namespaces, pods } = lists;
  const objects = services.length + endpointslices.length + namespaces.length + pods.length;
  const header: Header = { version: 1, objects };
  let piece = [JSON.stringify(header)];
  for (const line of linesOf(lists)) {
    piece.push(JSON.stringify(line));
    if (piece.length < pieceSize) continue;
    await file.write(`${piece.join('\n')}\n`);
    piece = [];
    await breathe();
  }
  await file.write(`${piece.join('\n')}\n`);
}

/** Rejects when the folder is missing or full; what was there before stays then. */
export async function writeSnapshot(path: string, lists: ObjectLists): Promise<void> {
  const beside = `${path}.new`;
  const file = await open(beside, 'w', 0o600);
  try {
    await writeLines(file, lists);
    await file.datasync();
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  await rename(beside, path);
}

/** Undefined when there is none. Rejects when it is not whole, or no snapshot at all. */
export async function readSnapshot(path: string): Promise<SavedObjects | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return undefined;
  if (found.size > maxBytes) throw new Error(`${path}: ${found.size} bytes are too many for a snapshot`);
  const saved = new SavedObjects();
  let wanted: number | undefined;
  let read = 0;
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line === '') continue;
    if (wanted === undefined) {
      const { version, objects } = JSON.parse(line) as Partial<Header>;
      if (version !== 1 || objects === undefined) throw new Error(`${path}: not a snapshot of version 1`);
      wanted = objects;
      continue;
    }
    saved.add(JSON.parse(line) as SavedLine);
    read += 1;
  }
  if (read !== wanted) throw new Error(`${path}: ${read} objects of ${wanted ?? 0} are there`);
  return saved;
}

export interface SnapshotOptions {
  readonly path: string;
  readonly generation: () => number;
  readonly isCurrent: () => boolean;
  readonly lists: () => ObjectLists;
  readonly logger: Logger;
  /** Default 5 s. */
  readonly intervalMs?: number;
}

/** Writes it now and then when there is something new; what comes back ends that. A failure is told once. */
export function keepSnapshot(options: SnapshotOptions): () => void {
  const { path, logger, intervalMs = 5_000 } = options;
  let written = -1;
  let busy = false;
  let failing = false;
  const write = async (): Promise<void> => {
    const generation = options.generation();
    if (busy || generation === written || !options.isCurrent()) return;
    busy = true;
    try {
      await writeSnapshot(path, options.lists());
      written = generation;
      failing = false;
    } catch (error) {
      if (!failing) logger.warn('the snapshot of the cluster cannot be written', { path, error: String(error) });
      failing = true;
    } finally {
      busy = false;
    }
  };
  const timer = setInterval(() => void write(), intervalMs);
  return () => clearInterval(timer);
}
