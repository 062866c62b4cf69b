/** Kernel settings, through sysctl(8), because the caller's namespace is the Exec's and not always this process's. */
import type { Exec } from './exec.ts';

/** The values of those that exist; a name that the kernel does not know is missing from the map. */
export async function readSysctls(exec: Exec, names: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const { stdout } = await exec.run({ argv: ['sysctl', '-e', ...names], okExitCodes: [0, 1, 255] });
  const values = new Map<string, string>();
  for (const line of stdout.split('\n')) {
    const at = line.indexOf(' = ');
    if (at > 0) values.set(line.slice(0, at), line.slice(at + 3).trim());
  }
  return values;
}

/** Sets them in one spawn. Rejects when the kernel refuses one; those before it are set. */
export async function writeSysctls(exec: Exec, values: ReadonlyMap<string, string>): Promise<void> {
  if (values.size === 0) return;
  await exec.run({ argv: ['sysctl', '-q', '-w', ...[...values].map(([name, value]) => `${name}=${value}`)] });
}
