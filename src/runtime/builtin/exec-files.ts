import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** The files of one exec: what to run, and the pid that the OCI runtime writes once it runs. */
export class ExecFiles {
  readonly processFile: string;
  readonly pidFile: string;

  constructor(folder: string) {
    const name = randomUUID();
    this.processFile = join(folder, `${name}.json`);
    this.pidFile = join(folder, `${name}.pid`);
  }

  started(): boolean {
    return existsSync(this.pidFile);
  }

  /** The process, once it runs. */
  async pid(): Promise<number | undefined> {
    const pid = Number(await readFile(this.pidFile, 'utf8').catch(() => ''));
    return pid > 0 ? pid : undefined;
  }

  /** Kills the process itself: killing the OCI runtime in front of it would leave it running. */
  async killProcess(): Promise<void> {
    const pid = await this.pid();
    if (pid === undefined) return;
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // it ended meanwhile
    }
  }

  async remove(): Promise<void> {
    await Promise.all([rm(this.processFile, { force: true }), rm(this.pidFile, { force: true })]);
  }
}
