import { readdirSync, readFileSync, statSync, watch, type FSWatcher } from 'node:fs';
import { join } from 'node:path';

/** The file that conmon leaves: its name is the container, its text the exit code, its time the end. */
export interface ExitFile {
  readonly id: string;
  readonly exitCode: number;
  readonly at: Date;
}

/** undefined when it is not there, or is none. */
export function readExitFile(path: string, id: string): ExitFile | undefined {
  try {
    const exitCode = Number(readFileSync(path, 'utf8'));
    return Number.isInteger(exitCode) ? { id, exitCode, at: statSync(path).mtime } : undefined;
  } catch {
    return undefined;
  }
}

/** Tells of each exit file that appears, and at once of those that are there. conmon renames them into place, so they are whole. */
export class ExitWatch {
  readonly #folder: string;
  readonly #onExit: (exit: ExitFile) => void;
  #watcher: FSWatcher | undefined;

  constructor(folder: string, onExit: (exit: ExitFile) => void) {
    this.#folder = folder;
    this.#onExit = onExit;
  }

  start(): void {
    this.#watcher = watch(this.#folder, (_event, name) => this.look(name ?? ''));
    this.#watcher.on('error', () => undefined); // the audit goes on
    for (const name of readdirSync(this.#folder)) this.look(name);
  }

  /** Looks for one container's file now. */
  look(name: string): void {
    if (!/^[0-9a-f]{64}$/.test(name)) return;
    const exit = readExitFile(join(this.#folder, name), name);
    if (exit !== undefined) this.#onExit(exit);
  }

  stop(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }
}
