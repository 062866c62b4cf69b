/**
 * A long-lived `nft -i`: a transaction of a few elements takes it about 1 ms, where a new process takes 5 to 20. It keeps no
 * elements in memory as long as it is only given elements.
 */
import { CommandError, type Exec } from './exec.ts';
import { startProcess, type RunningProcess } from './start-process.ts';

export interface NftSession {
  /**
   * Carries out commands as one transaction, in order with those before. Rejects with nft's words when the kernel refused:
   * nothing was done then. When nft ended or did not answer nobody knows, and the next commit starts a new one.
   */
  commit(commands: readonly string[]): Promise<void>;
  /** Ends it; commits under way reject. */
  close(): void;
}

const answerWithinMs = 20_000;

interface Waiting {
  readonly marker: string;
  readonly startedAt: number;
  readonly timer: NodeJS.Timeout;
  resolve(): void;
  reject(error: CommandError): void;
}

/** Nothing is started before the first commit. */
export function createNftSession(exec: Exec): NftSession {
  return new InteractiveNft(exec);
}

class InteractiveNft implements NftSession {
  readonly #exec: Exec;
  #process: Promise<RunningProcess> | undefined;
  #waiting: Waiting[] = [];
  #errors = '';
  #lastId = 0;
  #isClosed = false;

  constructor(exec: Exec) {
    this.#exec = exec;
  }

  async commit(commands: readonly string[]): Promise<void> {
    if (this.#isClosed) throw new Error('the nft session was closed');
    this.#process ??= this.#start();
    const { stdin } = await this.#process.catch((error: unknown) => {
      this.#process = undefined;
      throw error;
    });
    if (this.#isClosed) throw new Error('the nft session was closed');
    const marker = `podwire-${(this.#lastId += 1)}`;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => this.#lose(`no answer within ${answerWithinMs} ms`), answerWithinMs);
    this.#waiting.push({ marker, startedAt: performance.now(), timer, resolve, reject });
    // The marker is no command: nft says so on the stream that errors come on, so it arrives after them.
    stdin?.write(`${commands.join('; ')}\n${marker}\n`);
    return promise;
  }

  close(): void {
    this.#isClosed = true;
    this.#lose('the nft session was closed');
  }

  async #start(): Promise<RunningProcess> {
    const start = this.#exec.start?.bind(this.#exec) ?? startProcess;
    // Without a home there is no history file.
    const child = await start({ argv: ['nft', '-i'], stdin: true, env: { HOME: '/nonexistent' } });
    child.stdout.resume();
    child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#hear(text));
    void child.ended.then(() => {
      if (this.#current === child) this.#lose('it ended');
    });
    this.#current = child;
    if (this.#isClosed) this.#lose('the nft session was closed');
    return child;
  }
  #current: RunningProcess | undefined;

  #hear(text: string): void {
    this.#errors += text;
    for (;;) {
      const first = this.#waiting[0];
      const at = first === undefined ? -1 : this.#errors.indexOf(`${first.marker}\n`);
      if (first === undefined || at < 0) return;
      this.#waiting.shift();
      clearTimeout(first.timer);
      const before = this.#errors.slice(0, at);
      this.#errors = this.#errors.slice(at + first.marker.length + 1);
      // The last error before the marker is the marker's own; what underlines it comes behind and is no error.
      const own = before.lastIndexOf('Error: ');
      const said = before.slice(Math.max(before.indexOf('Error: '), 0), own);
      if (said.includes('Error: ')) first.reject(failure(first, said, 'refused'));
      else first.resolve();
    }
  }

  #lose(reason: string): void {
    const child = this.#current;
    this.#current = undefined;
    this.#process = undefined;
    this.#errors = '';
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const one of waiting) {
      clearTimeout(one.timer);
      one.reject(failure(one, '', reason));
    }
    child?.stdin?.end();
    child?.kill();
  }
}

function failure({ startedAt }: Waiting, stderr: string, reason: string): CommandError {
  return new CommandError({
    argv: ['nft', '-i'],
    reason,
    exitCode: undefined,
    stdout: '',
    stderr,
    durationMs: performance.now() - startedAt,
    timedOut: reason.startsWith('no answer'),
    missing: false,
  });
}
