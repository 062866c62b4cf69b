/** Programs of kernel tests inside the namespaces: they are told lines, and say lines. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { Place } from './node-lab.ts';

type Child = ChildProcessByStdio<Writable, Readable, null>;

/** One of this folder's programs, run in a place. */
export class Program {
  readonly #child: Child;
  /** Keeps what is said before anybody asks. */
  readonly #lines: AsyncIterator<string, undefined>;

  constructor(place: Place, netns: string | undefined, file: string, ...args: readonly string[]) {
    const path = new URL(`./${file}`, import.meta.url).pathname;
    const argv = place.argv(netns, [process.execPath, path, ...args]);
    this.#child = spawn('nsenter', argv, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.stdin.on('error', () => undefined);
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** The next line that it says; empty when it has ended. */
  async line(): Promise<string> {
    return (await this.#lines.next()).value ?? '';
  }

  /** A line for it, and its answer. */
  async say(text: string): Promise<string> {
    const answer = this.line();
    this.#child.stdin.write(`${text}\n`);
    return answer;
  }

  /** By the end of its input, or by a signal. */
  async end(signal?: 'SIGKILL'): Promise<void> {
    const gone = once(this.#child, 'exit');
    // nsenter has become the program: the signal is for the program itself.
    if (signal === undefined) this.#child.stdin.end();
    else this.#child.kill(signal);
    if (this.#child.exitCode === null && this.#child.signalCode === null) await gone;
  }
}
