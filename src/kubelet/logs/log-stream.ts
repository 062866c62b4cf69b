/** A container's log as a stream of text, to its end or for as long as the container runs. */
import { watch } from 'node:fs';
import { dirname } from 'node:path';
import type { LogOptions } from '../server/log-options.ts';
import { LogChain } from './log-chain.ts';
import { parseLogLine } from './log-lines.ts';

export interface LogSource {
  readonly path: string;
  /** Whether the container will write no more. */
  readonly isDone: () => Promise<boolean>;
  /** Calls back when that may have changed; returns a function that unsubscribes. */
  readonly onChange: (wake: () => void) => () => void;
}

/** Word of a change may get lost; then it is found this late. */
const safetyMs = 5_000;

const everything: LogOptions = {
  follow: false,
  previous: false,
  timestamps: false,
  tailLines: undefined,
  sinceMs: undefined,
  limitBytes: undefined,
  streams: ['stdout', 'stderr'],
};

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

async function* drain(chain: LogChain, formatter: Formatter): AsyncGenerator<Buffer> {
  for (let lines = await chain.next(); lines.length > 0 && !formatter.full; lines = await chain.next()) {
    const text = Buffer.concat(lines.map((line) => formatter.format(line)));
    if (text.length > 0) yield text;
  }
}

async function* follow(
  source: LogSource,
  chain: LogChain,
  formatter: Formatter,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  using waker = new Waker(source, signal);
  while (!signal.aborted && !formatter.full) {
    // Asked before reading: what is written until the answer is read after it.
    const isDone = await source.isDone();
    yield* drain(chain, formatter);
    // What was written between the two lines is still read: a file stays as it is once there is one after it.
    if (await chain.goOn()) continue;
    if (isDone) return;
    await waker.wait();
  }
}

/** Rejects with ENOENT when there is no log. Ends early when `signal` is aborted; without `follow` at what is there now. */
export async function* logStream(source: LogSource, options: LogOptions, signal: AbortSignal): AsyncGenerator<Buffer> {
  const chain = await LogChain.open(source.path, options.tailLines);
  const formatter = new Formatter(options);
  try {
    if (!options.follow) chain.limit();
    yield* options.follow ? follow(source, chain, formatter, signal) : drain(chain, formatter);
  } finally {
    await chain.close();
  }
}

/** The last lines of a log that is not written to any more, without its stamps; empty when there is none. */
export async function lastLines(path: string, tailLines: number): Promise<string> {
  try {
    const chain = await LogChain.open(path, tailLines);
    try {
      chain.limit();
      const formatter = new Formatter(everything);
      const parts: Buffer[] = [];
      for await (const part of drain(chain, formatter)) parts.push(part);
      return Buffer.concat(parts).toString();
    } finally {
      await chain.close();
    }
  } catch {
    return '';
  }
}
