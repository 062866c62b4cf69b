/** The file of the log: opened, replayed, appended to durably, replaced by a shorter one. */
import { constants } from 'node:fs';
import { open, readFile, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { encodeFrame, readFrames, type LogRecord } from './frames.ts';

/** First bytes of every store file; the number is the format's. */
const fileHeader = Buffer.from('podwire-store 1\n');

/** Below this, a frame's chunks are joined: one write call of one buffer is cheaper than a vector of many. */
const joinBytes = 256 * 1024;

/** A rewritten file is filled in frames of about this size, so that other work comes in between. */
const rewriteFrameBytes = 1024 * 1024;

const flags = constants.O_RDWR | constants.O_CREAT | constants.O_DSYNC;

async function writeAll(file: FileHandle, chunks: readonly Buffer[], position: number): Promise<number> {
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  let rest = bytes <= joinBytes ? [Buffer.concat(chunks)] : [...chunks];
  let at = position;
  while (rest.length > 0) {
    const { bytesWritten } = await file.writev(rest, at);
    at += bytesWritten;
    rest = afterBytes(rest, bytesWritten);
  }
  return at;
}

/** What of `chunks` is left after a write took the first `count` bytes. */
function afterBytes(chunks: readonly Buffer[], count: number): Buffer[] {
  let skip = count;
  const rest: Buffer[] = [];
  for (const chunk of chunks) {
    if (skip >= chunk.length) skip -= chunk.length;
    else {
      rest.push(chunk.subarray(skip));
      skip = 0;
    }
  }
  return rest;
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** What opening found. */
export interface OpenedLog {
  readonly log: LogFile;
  /** Bytes of an unfinished last write that were cut off. */
  readonly cutBytes: number;
}

export class LogFile {
  readonly #path: string;
  #file: FileHandle;
  #length: number;

  private constructor(path: string, file: FileHandle, length: number) {
    this.#path = path;
    this.#file = file;
    this.#length = length;
  }

  /** Bytes on disk. */
  get length(): number {
    return this.#length;
  }

  /** Opens or makes the file and hands over every record. Throws StoreDamaged, or an Error when it is no store. */
  static async open(path: string, onRecord: (record: LogRecord) => void): Promise<OpenedLog> {
    await rm(`${path}.new`, { force: true });
    const file = await open(path, flags, 0o600);
    try {
      const content = await readFile(path);
      if (!content.subarray(0, fileHeader.length).equals(fileHeader.subarray(0, content.length))) {
        throw new Error(`${path} is no podwire store of format 1`);
      }
      if (content.length < fileHeader.length) {
        await file.truncate(0);
        await writeAll(file, [fileHeader], 0);
        await syncFolder(path);
        return { log: new LogFile(path, file, fileHeader.length), cutBytes: 0 };
      }
      const end = readFrames(content, fileHeader.length, onRecord);
      const cutBytes = content.length - end;
      if (cutBytes > 0) {
        await file.truncate(end);
        await file.sync();
      }
      return { log: new LogFile(path, file, end), cutBytes };
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /**
   * Appends one frame; resolves when it is on disk (the file is O_DSYNC: the write is the sync, and it waits in a
   * thread of the pool, not in ours). After a failure the file is cut back to what was good; if that fails too, or the
   * disk reported an error (then nobody knows what it kept), the rejection carries `fatal: true`.
   */
  async append(records: readonly LogRecord[]): Promise<void> {
    try {
      this.#length = await writeAll(this.#file, encodeFrame(records), this.#length);
    } catch (cause) {
      const full = ['ENOSPC', 'EDQUOT', 'EFBIG'].includes((cause as NodeJS.ErrnoException).code ?? '');
      const cut = full && (await this.#cutBack());
      throw Object.assign(new Error(`${this.#path} cannot be written`, { cause }), { fatal: !cut });
    }
  }

  async #cutBack(): Promise<boolean> {
    try {
      await this.#file.truncate(this.#length);
      await this.#file.sync();
      return true;
    } catch {
      return false;
    }
  }

  /** Writes `records` to a new file beside this one. The new file takes over with `replaceBy`. */
  async writeSibling(records: Iterable<LogRecord>, recordBytes: (record: LogRecord) => number): Promise<Sibling> {
    const file = await open(`${this.#path}.new`, flags | constants.O_TRUNC, 0o600);
    try {
      let length = await writeAll(file, [fileHeader], 0);
      let frame: LogRecord[] = [];
      let bytes = 0;
      for (const record of records) {
        frame.push(record);
        bytes += recordBytes(record);
        if (bytes < rewriteFrameBytes) continue;
        length = await writeAll(file, encodeFrame(frame), length);
        frame = [];
        bytes = 0;
      }
      if (frame.length > 0) length = await writeAll(file, encodeFrame(frame), length);
      return { file, length };
    } catch (error) {
      await file.close();
      await rm(`${this.#path}.new`, { force: true });
      throw error;
    }
  }

  /**
   * Adds what was written meanwhile and puts the new file in this one's place, atomically. No append may be under way.
   * After a failure this file goes on, unless the rejection carries `fatal: true`.
   */
  async replaceBy(sibling: Sibling, tail: readonly LogRecord[]): Promise<void> {
    let length: number;
    try {
      length = tail.length === 0 ? sibling.length : await writeAll(sibling.file, encodeFrame(tail), sibling.length);
      await sibling.file.sync();
      await rename(`${this.#path}.new`, this.#path);
    } catch (error) {
      await sibling.file.close();
      throw error;
    }
    await this.#file.close();
    this.#file = sibling.file;
    this.#length = length;
    try {
      await syncFolder(this.#path);
    } catch (cause) {
      // After a crash the old file might be back, without what is written from here on.
      throw Object.assign(new Error(`${this.#path}: its folder cannot be synced`, { cause }), { fatal: true });
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

/** A file being prepared to take over. */
export interface Sibling {
  readonly file: FileHandle;
  readonly length: number;
}
