/** A log as one sequence of lines, whatever files it lies in: none is lost or comes twice when it is rotated. */
import { LineReader, tailOf } from './log-lines.ts';
import { logFiles, openLogFile, type LogFile } from './log-files.ts';

const maxTries = 50;

class NoLogError extends Error {
  readonly code = 'ENOENT';
}

async function openAll(files: readonly LogFile[]): Promise<LineReader[] | undefined> {
  const readers: LineReader[] = [];
  for (const file of files) {
    const handle = await openLogFile(file);
    if (handle === undefined) {
      await Promise.all(readers.map((reader) => reader.close()));
      return undefined;
    }
    readers.push(new LineReader(handle, file));
  }
  return readers;
}

/** The number of the last file before this one. */
function numberBefore(files: readonly LogFile[], at: number): number {
  return files[at - 1]?.number ?? 0;
}

async function openConsistently(path: string): Promise<{ readers: LineReader[]; before: number }> {
  for (let turn = 0; turn < maxTries; turn += 1) {
    const files = await logFiles(path);
    if (files.length === 0) throw new NoLogError(`${path}: no such log`);
    const readers = await openAll(files);
    if (readers !== undefined) return { readers, before: numberBefore(files, files.length - 1) };
  }
  throw new Error(`${path}: its files change faster than they can be opened`);
}

/** Reads the files of one log, one after the other. */
export class LogChain {
  readonly #path: string;
  /** The first is being read; the last is being written to, or was when it was opened. */
  readonly #readers: LineReader[];
  /** The number of the last file before the last reader's: should that be removed, what comes after it has a higher one. */
  #before: number;

  private constructor(path: string, readers: LineReader[], before: number) {
    this.#path = path;
    this.#readers = readers;
    this.#before = before;
  }

  /** Rejects with ENOENT when there is no log. `tailLines`: begin so many lines before the end. */
  static async open(path: string, tailLines?: number): Promise<LogChain> {
    const { readers, before } = await openConsistently(path);
    if (tailLines !== undefined) {
      const skipped = await tailOf(readers, tailLines);
      for (const reader of readers.splice(0, skipped)) await reader.close();
    }
    return new LogChain(path, readers, before);
  }

  /** Nothing that is written from now on. */
  limit(): void {
    for (const reader of this.#readers) reader.limit();
  }

  /** The next lines of what was there when the log was opened, and what came to its last file since; none at the end. */
  async next(): Promise<Buffer[]> {
    for (;;) {
      const [reader] = this.#readers;
      if (reader === undefined) return [];
      const lines = await reader.next();
      if (lines.length > 0 || this.#readers.length === 1) return lines;
      this.#readers.shift();
      await reader.close();
    }
  }

  /** Goes on to the file after the last one, when the log was rotated since. Resolves with whether there is something new to read. */
  async goOn(): Promise<boolean> {
    const last = this.#readers.at(-1);
    if (last === undefined) return false;
    const files = await logFiles(this.#path);
    const at = files.findIndex(({ inode }) => inode === last.inode);
    if (at >= 0) this.#before = numberBefore(files, at);
    const after = at >= 0 ? files.slice(at + 1) : files.filter(({ number }) => number > this.#before);
    if (after.length === 0) return false;
    const readers = await openAll(after);
    if (readers === undefined) return this.goOn();
    this.#before = numberBefore(files, files.length - 1);
    this.#readers.push(...readers);
    return true;
  }

  async close(): Promise<void> {
    await Promise.all(this.#readers.splice(0).map((reader) => reader.close()));
  }
}
