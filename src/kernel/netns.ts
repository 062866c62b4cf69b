/** Named network namespaces, as `ip netns` keeps them: a bind mount in /run/netns. */
import type { Exec } from './exec.ts';

const folder = '/run/netns';

/** `/run/netns/NAME`. */
export function netnsPath(name: string): string {
  return `${folder}/${name}`;
}

/** Every name there is. Reads the folder, so it costs the same for any number of namespaces. */
export async function listNetns(exec: Exec): Promise<readonly string[]> {
  const { stdout } = await exec.run({ argv: ['ls', '-1', folder], okExitCodes: [0, 1, 2] });
  return stdout.split('\n').filter((name) => name !== '');
}

/** The processes that live in it. Walks /proc: costly, for rare checks. */
export async function netnsPids(exec: Exec, name: string): Promise<readonly number[]> {
  const { stdout } = await exec.run({ argv: ['ip', 'netns', 'pids', name], okExitCodes: [0, 1, 255] });
  return stdout.split('\n').filter(Boolean).map(Number);
}
