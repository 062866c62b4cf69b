/** Named network namespaces, as `ip netns` keeps them: a bind mount in /run/netns. */
import { CommandError, type Exec } from './exec.ts';

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

/** A path that is no network namespace, or the one that we are in ourselves. */
export class NetnsError extends Error {
  override readonly name = 'NetnsError';
}

/** As the kernel numbers it; of our own without a path. Rejects with a NetnsError when `path` is none. */
async function identityOf(exec: Exec, path?: string): Promise<string> {
  // A bind mount of any file would do for `mount`; only a namespace can be entered.
  const argv = ['readlink', '/proc/self/ns/net'] as const;
  try {
    return (await exec.run(path === undefined ? { argv } : { argv, netns: path })).stdout;
  } catch (error) {
    if (!(error instanceof CommandError) || path === undefined) throw error;
    throw new NetnsError(`${path} is no network namespace: ${error.stderr.trim()}`, { cause: error });
  }
}

/**
 * Gives the namespace at `path` a name of ours as well, until `ip netns delete`. Rejects with a NetnsError when `path` is none, or is the
 * node's own: a link made there would take its default route. What stands under that name must have been deleted before.
 */
export async function attachNetns(exec: Exec, name: string, path: string): Promise<void> {
  const target = netnsPath(name);
  const [theirs, own] = await Promise.all([
    identityOf(exec, path),
    identityOf(exec),
    exec.run({ argv: ['mkdir', '-p', folder] }),
  ]);
  if (theirs === own) throw new NetnsError(`${path} is the network namespace of the node itself`);
  await exec.run({ argv: ['touch', target] });
  await exec.run({ argv: ['mount', '--bind', path, target] });
}

/** The processes that live in it. Walks /proc: costly, for rare checks. */
export async function netnsPids(exec: Exec, name: string): Promise<readonly number[]> {
  const { stdout } = await exec.run({ argv: ['ip', 'netns', 'pids', name], okExitCodes: [0, 1, 255] });
  return stdout.split('\n').filter(Boolean).map(Number);
}
