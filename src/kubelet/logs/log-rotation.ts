/** Keeps the logs of running containers short: a file that is long enough is put aside, and the oldest of those go. */
import { rename, rm, stat } from 'node:fs/promises';
import type { Logger } from '../../api/logger.ts';
import type { ContainerStatus, RuntimeService } from '../../runtime/contract.ts';
import { rotatedNumbers, rotatedPath } from './log-files.ts';

export interface LogRotationOptions {
  readonly runtime: Pick<RuntimeService, 'listContainers' | 'reopenContainerLog'>;
  /** A file that has grown to this size is put aside (`--container-log-max-size`). */
  readonly maxBytes: number;
  /** Files of one container at most, the one that is written to among them; 2 or more (`--container-log-max-files`). */
  readonly maxFiles: number;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Default 1 s. */
  readonly tickMs?: number;
}

interface Seen {
  readonly size: number;
  readonly ticks: number;
  readonly dueInTicks: number;
  /** It was told to begin a new file, and has not done so yet: told twice, it might throw away what it wrote in between. */
  readonly told: boolean;
}

const defaultTickMs = 1_000;
/** A log that hardly grows is looked at this seldom. */
const patientTicks = 10;

/** When to look again. Pure: what it grew by in its last wait tells how soon it can be full. */
export function ticksToWait(
  last: { readonly size: number; readonly ticks: number } | undefined,
  size: number,
  maxBytes: number,
): number {
  if (last === undefined) return 1;
  const perTick = Math.max(0, size - last.size) / Math.max(1, last.ticks);
  if (perTick === 0) return patientTicks;
  return Math.min(patientTicks, Math.max(1, Math.floor((maxBytes - size) / perTick / 2)));
}

/** Which of the files that were put aside have to go, so that with one more there are `maxFiles`. Pure. */
export function superseded(numbers: readonly number[], maxFiles: number): readonly number[] {
  return numbers.slice(0, Math.max(0, numbers.length - (maxFiles - 1)));
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

class Rotation {
  readonly #options: LogRotationOptions;
  readonly #seen = new Map<string, Seen>();
  #busy = false;

  constructor(options: LogRotationOptions) {
    this.#options = options;
  }

  async tick(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      const running = (await this.#options.runtime.listContainers()).filter(({ state }) => state === 'running');
      const ids = new Set(running.map(({ id }) => id));
      for (const id of this.#seen.keys()) if (!ids.has(id)) this.#seen.delete(id);
      for (const container of running) await this.#look(container);
    } finally {
      this.#busy = false;
    }
  }

  async #look(container: ContainerStatus): Promise<void> {
    const { id, logPath, name } = container;
    const seen = this.#seen.get(id);
    if (seen !== undefined && seen.dueInTicks > 1) {
      this.#seen.set(id, { ...seen, dueInTicks: seen.dueInTicks - 1 });
      return;
    }
    try {
      this.#seen.set(id, await this.#attend(container, seen));
    } catch (error) {
      this.#options.logger.error('a log was not rotated', { container: name, log: logPath, error });
      this.#seen.set(id, { size: 0, ticks: patientTicks, dueInTicks: patientTicks, told: false });
    }
  }

  async #attend(container: ContainerStatus, seen: Seen | undefined): Promise<Seen> {
    const { runtime, maxBytes } = this.#options;
    const size = await sizeOf(container.logPath);
    if (size === undefined) return this.#attendMissing(container, seen);
    if (size < maxBytes) {
      const ticks = ticksToWait(seen, size, maxBytes);
      return { size, ticks, dueInTicks: ticks, told: false };
    }
    await this.#rotate(container, () => runtime.reopenContainerLog(container.id));
    return { size: 0, ticks: 1, dueInTicks: 1, told: true };
  }

  /** An agent before this one was killed between the two steps, or somebody removed the file: it still writes to that one. */
  async #attendMissing({ id }: ContainerStatus, seen: Seen | undefined): Promise<Seen> {
    const missing = { size: 0, ticks: patientTicks, dueInTicks: patientTicks };
    if (seen === undefined || seen.told) return { ...missing, told: seen?.told ?? false };
    await this.#options.runtime.reopenContainerLog(id);
    return { ...missing, dueInTicks: 1, told: true };
  }

  async #rotate({ logPath }: ContainerStatus, reopen: () => Promise<void>): Promise<void> {
    const numbers = await rotatedNumbers(logPath);
    const number = (numbers.at(-1) ?? 0) + 1;
    await rename(logPath, rotatedPath(logPath, number));
    try {
      await reopen();
    } catch (error) {
      // Nobody opens a new file: the old one is the log again.
      await rename(rotatedPath(logPath, number), logPath);
      throw error;
    }
    for (const old of superseded([...numbers, number], this.#options.maxFiles))
      await rm(rotatedPath(logPath, old), { force: true });
  }
}

/** Until `signal`. Returns at once. */
export function rotateLogs(options: LogRotationOptions): void {
  const rotation = new Rotation(options);
  const { logger, signal, tickMs = defaultTickMs } = options;
  const tick = (): void =>
    void rotation.tick().catch((error: unknown) => logger.error('logs were not looked at', { error }));
  const timer = setInterval(tick, tickMs);
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
}
