/** A container's log as a stream of text, to its end or for as long as the container runs. */
import { watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { LineReader, parseLogLine } from './log-lines.ts';
import type { LogOptions } from './log-options.ts';

export interface LogSource {
  readonly path: string;
  /** Whether the container will write no more. */
  readonly isDone: () => Promise<boolean>;
  /** Calls back when that may have changed; returns a function that unsubscribes. */
  readonly onChange: (wake: () => void) => () => void;
}

/** Word of a change may get lost; then it is found this late. */
const safetyMs = 5_000;

/** Turns entries into the text that was asked for. */
class Formatter {
  readonly #options: LogOptions;
  #left: number;
  #midLine = false;

  constructor(options: LogOptions) {
    this.#options = options;
    this.#left = options.limitBytes ?? Infinity;
  }

  get full(): boolean {
    return this.#left <= 0;
  }

  format(line: Buffer): Buffer {
    const { streams, sinceMs, timestamps } = this.#options;
    const entry = parseLogLine(line);
    if (entry === undefined || !(streams as readonly string[]).includes(entry.stream)) return Buffer.alloc(0);
    if (sinceMs !== undefined && Date.parse(entry.time) < sinceMs) return Buffer.alloc(0);
    const stamp = timestamps && !this.#midLine ? Buffer.from(`${entry.time} `) : Buffer.alloc(0);
    this.#midLine = !entry.full;
    const whole = Buffer.concat([stamp, entry.text, Buffer.from(entry.full ? '\n' : '')]);
    const text = whole.subarray(0, Math.min(whole.length, this.#left));
    this.#left -= text.length;
    return text;
  }
}

/** Wakes on writes to the folder, on the source's own word, after a while at the latest, and at the end of `signal`. */
class Waker implements Disposable {
  #pending = false;
  #resolve: (() => void) | undefined;
  readonly #off: (() => void)[] = [];

  constructor(source: LogSource, signal: AbortSignal) {
    const wake = (): void => {
      this.#pending = true;
      this.#resolve?.();
    };
    const watcher = watch(dirname(source.path), wake);
    watcher.on('error', wake);
    const safety = setInterval(wake, safetyMs);
    signal.addEventListener('abort', wake);
    this.#off.push(
      source.onChange(wake),
      () => watcher.close(),
      () => clearInterval(safety),
      () => signal.removeEventListener('abort', wake),
    );
  }

  async wait(): Promise<void> {
    if (!this.#pending) await new Promise<void>((resolve) => (this.#resolve = resolve));
    this.#pending = false;
  }

  [Symbol.dispose](): void {
    for (const off of this.#off) off();
  }
}

async function* drain(reader: LineReader, formatter: Formatter): AsyncGenerator<Buffer> {
  for (let lines = await reader.next(); lines.length > 0 && !formatter.full; lines = await reader.next()) {
    const text = Buffer.concat(lines.map((line) => formatter.format(line)));
    if (text.length > 0) yield text;
  }
}

/** The file under the log's name now, if it is another one than before: the log was rotated. */
async function rotated(path: string, reader: LineReader): Promise<LineReader | undefined> {
  const now = await stat(path).catch(() => undefined);
  return now === undefined || now.ino === reader.inode ? undefined : LineReader.open(path);
}

async function* follow(
  source: LogSource,
  first: LineReader,
  formatter: Formatter,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  let reader = first;
  using waker = new Waker(source, signal);
  try {
    while (!signal.aborted && !formatter.full) {
      // Asked before reading: what is written until the answer is read after it.
      const isDone = await source.isDone();
      yield* drain(reader, formatter);
      const next = await rotated(source.path, reader);
      if (next !== undefined) {
        await reader.close();
        reader = next;
        continue;
      }
      if (isDone) return;
      await waker.wait();
    }
  } finally {
    await reader.close();
  }
}

/** Rejects with ENOENT when there is no log. Ends early when `signal` is aborted. */
export async function* logStream(source: LogSource, options: LogOptions, signal: AbortSignal): AsyncGenerator<Buffer> {
  const reader = await LineReader.open(source.path, options.tailLines);
  const formatter = new Formatter(options);
  if (options.follow) {
    yield* follow(source, reader, formatter, signal);
    return;
  }
  try {
    yield* drain(reader, formatter);
  } finally {
    await reader.close();
  }
}
