/** Lines of a log in CRI's format: `TIME stdout|stderr F|P text`. */
import type { FileHandle } from 'node:fs/promises';

export interface LogLine {
  readonly time: string;
  readonly stream: string;
  /** False for a part of a line that goes on in the next entry. */
  readonly full: boolean;
  readonly text: Buffer;
}

const space = 0x20;
const newline = 0x0a;
const capitalP = 0x50;
const chunkBytes = 64 * 1024;
/** Time, stream and tag are shorter. */
const stampBytes = 64;

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

export interface Tail {
  readonly lines: number;
  /** No file comes after this one. */
  readonly isLast: boolean;
}

/** Whether the entry that begins here is a part of a line that goes on in the next one. */
function isPartial(data: Buffer, at: number): boolean {
  const second = data.indexOf(space, data.indexOf(space, at) + 1);
  return data[second + 1] === capitalP;
}

/**
 * Where the last `lines` lines of the file begin, and how many there are if it has fewer. A line is what the container said up to a newline,
 * in however many entries it came. At the end of the last file one may still lack its end; at the end of another it goes on in the next.
 */
async function tailOffset(
  file: FileHandle,
  size: number,
  { lines, isLast }: Tail,
): Promise<{ offset: number; found: number }> {
  const chunk = Buffer.alloc(chunkBytes + stampBytes);
  let found = 0;
  let next = size;
  // Each turn looks at the entries that begin in a chunk, the last one first, and at the stamps of those that go on behind it.
  for (let end = size; end > 0;) {
    const begin = Math.max(0, end - chunkBytes);
    const { bytesRead } = await file.read(chunk, 0, Math.min(size, end + stampBytes) - begin, begin);
    const data = chunk.subarray(0, bytesRead);
    for (let at = end - begin - 1; at >= -1; at -= 1) {
      const isStart = at === -1 ? begin === 0 : data[at] === newline;
      if (!isStart || begin + at + 1 >= size) continue;
      if (!isPartial(data, at + 1) || (isLast && next === size)) found += 1;
      if (found > lines) return { offset: next, found: lines };
      next = begin + at + 1;
    }
    end = begin;
  }
  return { offset: 0, found };
}

const noTail = { found: 0, isAll: true };

/** Moves readers of consecutive files to the last `lines` lines of them all. Resolves with how many of the files have no part in them. */
export async function tailOf(readers: readonly LineReader[], lines: number): Promise<number> {
  const last = readers.length - 1;
  let left = lines;
  for (let index = last; index > 0; index -= 1) {
    const { found, isAll } = (await readers[index]?.skipToTail({ lines: left, isLast: index === last })) ?? noTail;
    left -= found;
    // With none left, the file before may still hold the beginning of the first line.
    if (!isAll || lines === 0) return index;
  }
  await readers[0]?.skipToTail({ lines: left, isLast: last === 0 });
  return 0;
}

/** Reads a growing file line by line, from an offset on; half a line at its end waits for the rest. */
export class LineReader {
  readonly #file: FileHandle;
  readonly inode: number;
  readonly #size: number;
  #offset = 0;
  #end = Infinity;
  #rest: Buffer = Buffer.alloc(0);

  /** `size` as it was when the file was looked at. */
  constructor(file: FileHandle, { inode, size }: { readonly inode: number; readonly size: number }) {
    this.#file = file;
    this.inode = inode;
    this.#size = size;
  }

  /** Begins so many lines before the end, or at the beginning; resolves with how many there are, and whether that is the whole file. */
  async skipToTail(tail: Tail): Promise<{ readonly found: number; readonly isAll: boolean }> {
    const isNothing = tail.lines === 0 && tail.isLast;
    const { offset, found } = isNothing
      ? { offset: this.#size, found: 0 }
      : await tailOffset(this.#file, this.#size, tail);
    this.#offset = offset;
    return { found, isAll: offset === 0 };
  }

  /** Reads no further than the file was long when it was looked at. */
  limit(): void {
    this.#end = this.#size;
  }

  /** The next lines, without newlines; none at the end of the file. */
  async next(): Promise<Buffer[]> {
    const lines: Buffer[] = [];
    while (lines.length === 0) {
      const wanted = Math.min(chunkBytes, this.#end - this.#offset);
      if (wanted <= 0) return [];
      const chunk = Buffer.alloc(wanted);
      const { bytesRead } = await this.#file.read(chunk, 0, wanted, this.#offset);
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
