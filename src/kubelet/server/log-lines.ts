/** Lines of a log in CRI's format: `TIME stdout|stderr F|P text`. */
import { open, type FileHandle } from 'node:fs/promises';

export interface LogLine {
  readonly time: string;
  readonly stream: string;
  /** False for a part of a line that goes on in the next entry. */
  readonly full: boolean;
  readonly text: Buffer;
}

const space = 0x20;
const newline = 0x0a;
const chunkBytes = 64 * 1024;

/** Undefined for a line in another format. The newline must be cut off before. */
export function parseLogLine(line: Buffer): LogLine | undefined {
  const first = line.indexOf(space);
  const second = line.indexOf(space, first + 1);
  if (first < 0 || second < 0) return undefined;
  const third = line.indexOf(space, second + 1);
  const tagEnd = third < 0 ? line.length : third;
  const tag = line.toString('latin1', second + 1, tagEnd).split(':')[0];
  if (tag !== 'F' && tag !== 'P') return undefined;
  return {
    time: line.toString('latin1', 0, first),
    stream: line.toString('latin1', first + 1, second),
    full: tag === 'F',
    text: third < 0 ? Buffer.alloc(0) : line.subarray(third + 1),
  };
}

/** Where the last `lines` lines of the file begin. */
export async function tailOffset(file: FileHandle, lines: number): Promise<number> {
  const { size } = await file.stat();
  if (lines === 0) return size;
  const chunk = Buffer.alloc(chunkBytes);
  let found = 0;
  for (let end = size; end > 0;) {
    const begin = Math.max(0, end - chunkBytes);
    const { bytesRead } = await file.read(chunk, 0, end - begin, begin);
    for (let at = bytesRead - 1; at >= 0; at -= 1) {
      // The newline at the very end closes the last line, it does not begin another.
      if (chunk[at] !== newline || begin + at === size - 1) continue;
      found += 1;
      if (found === lines) return begin + at + 1;
    }
    end = begin;
  }
  return 0;
}

/** Reads a growing file line by line, from an offset on; half a line at its end waits for the rest. */
export class LineReader {
  readonly #file: FileHandle;
  readonly inode: number;
  #offset: number;
  #rest: Buffer = Buffer.alloc(0);

  private constructor(file: FileHandle, inode: number, offset: number) {
    this.#file = file;
    this.inode = inode;
    this.#offset = offset;
  }

  /** Rejects with ENOENT when there is no such file. `tailLines`: begin so many lines before the end. */
  static async open(path: string, tailLines?: number): Promise<LineReader> {
    const file = await open(path, 'r');
    try {
      const { ino } = await file.stat();
      return new LineReader(file, ino, tailLines === undefined ? 0 : await tailOffset(file, tailLines));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** The next lines, without newlines; none at the end of the file. */
  async next(): Promise<Buffer[]> {
    const lines: Buffer[] = [];
    while (lines.length === 0) {
      const chunk = Buffer.alloc(chunkBytes);
      const { bytesRead } = await this.#file.read(chunk, 0, chunkBytes, this.#offset);
      if (bytesRead === 0) return [];
      this.#offset += bytesRead;
      const data = Buffer.concat([this.#rest, chunk.subarray(0, bytesRead)]);
      let begin = 0;
      for (let end = data.indexOf(newline); end >= 0; end = data.indexOf(newline, begin)) {
        lines.push(data.subarray(begin, end));
        begin = end + 1;
      }
      this.#rest = data.subarray(begin);
    }
    return lines;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}
