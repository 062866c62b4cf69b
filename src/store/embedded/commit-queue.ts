/**
 * Group commit: writers that arrive while the disk is busy share the next write. Records become durable in the order in
 * which they were added, and are reported in that order.
 */
import { recordBytes, type LogRecord } from './frames.ts';

/** A batch is cut here, so that one commit stays short; a single record may be larger. */
const batchBytes = 4 * 1024 * 1024;

interface Waiting {
  readonly record: LogRecord;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export interface CommitQueueOptions {
  /** Makes a batch durable. */
  readonly write: (records: readonly LogRecord[]) => Promise<void>;
  /** Makes it visible; runs before its writers are told. */
  readonly onCommitted: (records: readonly LogRecord[]) => void;
}

export class CommitQueue {
  readonly #options: CommitQueueOptions;
  #waiting: Waiting[] = [];
  #exclusive: (() => Promise<void>)[] = [];
  #running: Promise<void> | undefined;
  #broken: Error | undefined;

  constructor(options: CommitQueueOptions) {
    this.#options = options;
  }

  /** Resolves when the record is durable and visible. After a fatal failure every call rejects. */
  add(record: LogRecord): Promise<void> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ record, resolve, reject });
      this.#start();
    });
  }

  /** Runs `work` between two batches. A failure that carries `fatal: true` ends all writing. */
  exclusively(work: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const failed = (error: Error): void => {
        if ((error as { fatal?: boolean }).fatal === true) this.#broken = error;
        reject(error);
      };
      this.#exclusive.push(() => work().then(resolve, failed));
      this.#start();
    });
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  #start(): void {
    this.#running ??= this.#run().finally(() => (this.#running = undefined));
  }

  async #run(): Promise<void> {
    // One turn of the microtask queue: writers of the same tick share the first batch too.
    await Promise.resolve();
    for (;;) {
      const work = this.#exclusive.shift();
      if (work !== undefined) await work();
      else if (this.#waiting.length > 0) await this.#commit(this.#takeBatch());
      else return;
    }
  }

  #takeBatch(): Waiting[] {
    let bytes = 0;
    let count = 0;
    while (count < this.#waiting.length && (count === 0 || bytes < batchBytes)) {
      bytes += recordBytes((this.#waiting[count] as Waiting).record);
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  async #commit(batch: readonly Waiting[]): Promise<void> {
    const records = batch.map(({ record }) => record);
    try {
      if (this.#broken !== undefined) throw this.#broken;
      await this.#options.write(records);
      this.#options.onCommitted(records);
    } catch (cause) {
      const error = cause as Error;
      if ((error as { fatal?: boolean }).fatal !== false) this.#broken = error;
      for (const { reject } of batch) reject(error);
      return;
    }
    for (const { resolve } of batch) resolve();
  }
}
