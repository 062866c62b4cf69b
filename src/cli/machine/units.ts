/** systemd, where it is this machine's first process and has a unit of ours. */
import { existsSync } from 'node:fs';
import type { Exec } from '../../kernel/exec.ts';

const startLimitMs = 90_000;

/** Whether there is such a unit. */
export async function hasUnit(exec: Exec, unit: string): Promise<boolean> {
  // sd_booted(3)
  if (!existsSync('/run/systemd/system')) return false;
  const { exitCode } = await exec.run({ argv: ['systemctl', 'cat', unit], okExitCodes: [0, 1] });
  return exitCode === 0;
}

/** Starts it now, anew if it runs, and at every boot. Rejects with a CommandError when it does not start. */
export async function enableUnit(exec: Exec, unit: string): Promise<void> {
  await exec.run({ argv: ['systemctl', 'enable', unit] });
  await exec.run({ argv: ['systemctl', 'restart', unit], timeoutMs: startLimitMs });
}

/** Stops it, and at no boot it starts again. */
export async function disableUnit(exec: Exec, unit: string): Promise<void> {
  await exec.run({ argv: ['systemctl', 'disable', '--now', unit], timeoutMs: startLimitMs });
}
