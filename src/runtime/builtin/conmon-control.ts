/** What a running conmon can be told, by the FIFO `ctl` in its bundle: one line a command, `NUMBER HEIGHT WIDTH`. */
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { RuntimeError } from '../errors.ts';
import { containerOf, type RuntimeNode } from './node.ts';

const numbers = { resize: 1, reopenLog: 2 } as const;

/** Whether it could be told; not when it has ended. Never waits: a line fits into the pipe as a whole or not at all. */
export function tellConmon(bundle: string, command: keyof typeof numbers, height = 0, width = 0): boolean {
  let control: number | undefined;
  try {
    control = openSync(join(bundle, 'ctl'), constants.O_WRONLY | constants.O_NONBLOCK);
    writeSync(control, `${numbers[command]} ${height} ${width}\n`);
    return true;
  } catch {
    return false;
  } finally {
    if (control !== undefined) closeSync(control);
  }
}

/** conmon closes the old file, makes a new one and gives it the log's name; it reads no output in between. */
export function reopenContainerLog(node: RuntimeNode, id: string): void {
  const { state, config } = containerOf(node, id);
  if (state === 'running' && tellConmon(node.places.bundle(id), 'reopenLog')) return;
  throw new RuntimeError(`container ${config.name} (${id}) is ${state}, and cannot be told to begin a new log file`);
}
