/** What a lab could leave behind on the host, as sorted lines, so that before and after can be compared. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './lab.ts';

const CGROUP_ROOTS = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'];

async function lines(argv: readonly string[]): Promise<string[]> {
  return (await run(argv, { mayFail: true })).stdout.split('\n');
}

/** Other labs may live beside the one that is looked at: what carries their names is theirs. */
async function namesOfOthers(lab: string): Promise<RegExp> {
  const names = (await readdir('/var/lib/podwire/labs').catch(() => [])).filter((name) => name !== lab);
  return new RegExp(
    `(podwire/(?:labs/)?|pw-|netns |--name[ =]|^rule.* )(${['no lab at all', ...names].join('|')})(/|-switch|-outside|\\b)`,
  );
}

async function processes(others: RegExp): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ').trim();
    if (others.test(`${await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '')} ${command}`)) continue;
    if (
      /podwire|conmon|crun|catatonit|slirp4netns|s6-/.test(command) &&
      !/node --test|test-e2e|scripts\/(test|podwire)/.test(command)
    ) {
      found.push(`process ${command}`);
    }
  }
  return found;
}

async function cgroups(): Promise<string[]> {
  const found = new Set<string>();
  for (const root of CGROUP_ROOTS) {
    const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isDirectory() && /\/podwire(\/|$)/.test(path)) found.add(`cgroup ${path}`);
    }
  }
  return [...found];
}

/**
 * What the lab of that name could have made: links, routes, network namespaces, mounts, firewall rules, control groups and
 * processes of the host.
 */
export async function machineState(lab: string): Promise<string[]> {
  const others = await namesOfOthers(lab);
  const links = (await lines(['ip', '-o', 'link'])).map((line) => `link ${/^\d+: ([^:@]+)/.exec(line)?.[1] ?? ''}`);
  const routes = (await lines(['ip', 'route'])).map((line) => `route ${line.trim()}`);
  const namespaces = (await lines(['ip', 'netns', 'list'])).map((line) => `netns ${line}`);
  const rules = (await lines(['iptables-save']))
    .filter((line) => !line.startsWith('#'))
    .map((line) => `rule ${line.replace(/\[\d+:\d+\]/, '')}`);
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8'))
    .split('\n')
    .map((line) => `mount ${line.split(' ')[4] ?? ''}`);
  const found = [...links, ...routes, ...namespaces, ...rules, ...mounts, ...(await cgroups())];
  return [...found.filter((line) => !others.test(line)), ...(await processes(others))].sort();
}
