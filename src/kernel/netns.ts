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

/**
 * Gives the namespace at `path` a name of ours as well, until `ip netns delete`. Rejects when `path` is none. What stands under that
 * name must have been deleted before.
 */
export async function attachNetns(exec: Exec, name: string, path: string): Promise<void> {
  const target = netnsPath(name);
  await exec.run({ argv: ['mkdir', '-p', folder] });
  // A bind mount of any file would do for `mount`; only of a namespace nsenter(1) can enter it.
  await exec.run({ argv: ['nsenter', `--net=${path}`, '--', 'true'] });
  await exec.run({ argv: ['touch', target] });
  await exec.run({ argv: ['mount', '--bind', path, target] });
}

/** The processes that live in it. Walks /proc: costly, for rare checks. */
export async function netnsPids(exec: Exec, name: string): Promise<readonly number[]> {
  const { stdout } = await exec.run({ argv: ['ip', 'netns', 'pids', name], okExitCodes: [0, 1, 255] });
  return stdout.split('\n').filter(Boolean).map(Number);
}
