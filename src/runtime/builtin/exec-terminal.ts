import { setTimeout as sleep } from 'node:timers/promises';
import type { Exec } from '../../kernel/exec.ts';
import type { ExecFiles } from './exec-files.ts';

const startTries = 100;
const startWaitMs = 20;

/**
 * The size of the terminal inside the container. crun (1.8) takes our terminal's size once and passes no change on, so it is set on
 * the process's own terminal, by stty(1); of several changes in a row only the last one counts.
 */
export class InnerTerminal {
  readonly #exec: Exec;
  readonly #files: ExecFiles;
  #wanted: { readonly columns: number; readonly rows: number } | undefined;
  #busy = false;

  constructor(exec: Exec, files: ExecFiles) {
    this.#exec = exec;
    this.#files = files;
  }

  resize(columns: number, rows: number): void {
    this.#wanted = { columns, rows };
    if (!this.#busy) void this.#apply();
  }

  async #apply(): Promise<void> {
    this.#busy = true;
    const pid = await this.#pid();
    for (let size = this.#wanted; size !== undefined && pid !== undefined; size = this.#wanted) {
      this.#wanted = undefined;
      const { columns, rows } = size;
      const argv = ['stty', '-F', `/proc/${pid}/fd/0`, 'rows', String(rows), 'cols', String(columns)] as const;
      await this.#exec.run({ argv, timeoutMs: 5_000 }).catch(() => undefined); // it ended meanwhile
    }
    this.#busy = false;
  }

  async #pid(): Promise<number | undefined> {
    for (let tries = 0; tries < startTries; tries++) {
      const pid = await this.#files.pid();
      if (pid !== undefined) return pid;
      await sleep(startWaitMs);
    }
    return undefined;
  }
}
