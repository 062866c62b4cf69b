/**
 * Whether this machine can do what we need, asked before anything is changed. What the kernel can do is tried in a network
 * namespace that is gone a moment later; at most a module is loaded by it.
 */
import { constants } from 'node:fs';
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { overlaps, tryParseCIDR } from '../api/addresses.ts';
import { CommandError, type Exec } from './exec.ts';
import { families, familyOfText, type Family } from './family.ts';

/** Something that is missing, in one line with what to do about it. */
export interface Problem {
  readonly what: string;
  readonly remedy: string;
}

export interface PreflightNeeds {
  /** Programs by name, with the Debian package that brings each. */
  readonly programs: Readonly<Record<string, string>>;
  /** Address ranges that must not be in use yet, by what they are for; none when left out. */
  readonly ranges?: Readonly<Record<string, string>>;
  /** A link whose routes are our own. */
  readonly ownLink?: string;
  /** How many inotify instances will be needed at least. */
  readonly inotifyInstances: number;
}

/** All problems at once, so that they can be mended in one go. Empty when there are none. */
export async function preflight(exec: Exec, needs: PreflightNeeds): Promise<readonly Problem[]> {
  if (process.getuid?.() !== 0) return [{ what: 'not run as root', remedy: 'run it with sudo' }];
  const programs = await missingPrograms(needs.programs, process.env['PATH'] ?? '');
  if (programs.length > 0) return programs;
  const groups = await Promise.all([
    namespaces(),
    fileSystems(),
    bridgeFilter(),
    inotify(needs.inotifyInstances),
    trialLinks(exec),
    trialRules(exec),
    takenRanges(exec, needs),
  ]);
  return groups.flat();
}

async function missingPrograms(programs: Readonly<Record<string, string>>, path: string): Promise<Problem[]> {
  const folders = path.split(':').filter(Boolean);
  const isThere = async (program: string): Promise<boolean> =>
    (await Promise.allSettled(folders.map((folder) => access(join(folder, program), constants.X_OK)))).some(
      ({ status }) => status === 'fulfilled',
    );
  const missing = await Promise.all(
    Object.entries(programs).map(async ([program, debianPackage]) =>
      (await isThere(program))
        ? []
        : [{ what: `${program} is not installed`, remedy: `apt-get install ${debianPackage}` }],
    ),
  );
  return missing.flat();
}

async function namespaces(): Promise<Problem[]> {
  const kinds = ['net', 'mnt', 'uts', 'ipc', 'pid', 'cgroup'];
  const missing = await Promise.all(
    kinds.map(async (kind) => {
      const limit = await readFile(`/proc/sys/user/max_${kind}_namespaces`, 'utf8').catch(() => '1');
      if (limit.trim() === '0')
        return [{ what: `no ${kind} namespaces are allowed`, remedy: `sysctl -w user.max_${kind}_namespaces=10000` }];
      const isThere = await access(`/proc/self/ns/${kind}`).then(
        () => true,
        () => false,
      );
      return isThere
        ? []
        : [{ what: `the kernel has no ${kind} namespaces`, remedy: 'use a kernel of the distribution' }];
    }),
  );
  return missing.flat();
}

async function fileSystems(): Promise<Problem[]> {
  const [known, modules] = await Promise.all([readFile('/proc/filesystems', 'utf8'), moduleList()]);
  return missingFileSystems(known, modules);
}

/** `known` is /proc/filesystems, `modules` modules.dep: what is not there yet may be loaded when it is needed. */
export function missingFileSystems(known: string, modules: string): Problem[] {
  const has = (name: string): boolean => new RegExp(`(^|\\t)${name}$`, 'm').test(known);
  const problems: Problem[] = [];
  if (!has('overlay') && !/\/overlay\.ko/.test(modules))
    problems.push({ what: 'the kernel has no overlayfs', remedy: 'use a kernel with CONFIG_OVERLAY_FS' });
  if (!has('cgroup2'))
    problems.push({ what: 'the kernel has no cgroup v2', remedy: 'use a kernel from 4.5 on with CONFIG_CGROUPS' });
  return problems;
}

async function moduleList(): Promise<string> {
  const release = (await readFile('/proc/sys/kernel/osrelease', 'utf8')).trim();
  const read = (name: string): Promise<string> => readFile(`/lib/modules/${release}/${name}`, 'utf8').catch(() => '');
  return (await Promise.all([read('modules.dep'), read('modules.builtin')])).join('\n');
}

async function bridgeFilter(): Promise<Problem[]> {
  const isLoaded = await access('/proc/sys/net/bridge/bridge-nf-call-iptables').then(
    () => true,
    () => false,
  );
  if (isLoaded) return [];
  return [
    {
      what: 'bridged packets do not pass iptables (br_netfilter is not loaded), which Services need',
      remedy: 'modprobe br_netfilter',
    },
  ];
}

async function inotify(needed: number): Promise<Problem[]> {
  const path = '/proc/sys/fs/inotify/max_user_instances';
  const limit = Number(await readFile(path, 'utf8').catch(() => 'NaN'));
  if (!(limit < needed)) return [];
  return [
    {
      what: `only ${limit} inotify instances are allowed, and ${needed} may be needed`,
      remedy: 'sysctl -w fs.inotify.max_user_instances=8192',
    },
  ];
}

/** Tries each line in a namespace that ends with the command. */
async function trialLinks(exec: Exec): Promise<Problem[]> {
  const trials: readonly (readonly [string, string])[] = [
    ['bridge', 'link add t0 type bridge'],
    ['veth', 'link add t1 type veth peer name t2'],
  ];
  const attempt = (lines: readonly string[]): Promise<CommandError | undefined> =>
    failureOf(exec, ['unshare', '--net', 'ip', '-batch', '-'], lines);
  if ((await attempt(trials.map(([, line]) => line))) === undefined) return [];
  const problems: Problem[] = [];
  for (const [kind, line] of trials) {
    const failure = await attempt([line]);
    if (failure !== undefined)
      problems.push({
        what: `the kernel makes no ${kind} links (${firstLine(failure.stderr)})`,
        remedy: `modprobe ${kind}, or use a kernel that has it`,
      });
  }
  return problems;
}

/** What the rules of Services and of the pod network are made of. */
const ruleTrials: readonly (readonly [kernelName: string, table: string, rule: string])[] = [
  ['comment', 'nat', '-A POSTROUTING -m comment --comment x -j ACCEPT'],
  ['statistic', 'nat', '-A POSTROUTING -m statistic --mode random --probability 0.5 -j ACCEPT'],
  ['DNAT', 'nat', '-A PREROUTING -p tcp -m tcp --dport 1 -j DNAT --to-destination 192.0.2.1:1'],
  ['MASQUERADE', 'nat', '-A POSTROUTING -j MASQUERADE --random-fully'],
  ['conntrack', 'filter', '-A FORWARD -m conntrack --ctstate INVALID -j DROP'],
  ['REJECT', 'filter', '-A FORWARD -j REJECT --reject-with icmp-port-unreachable'],
  ['mark', 'filter', '-A FORWARD -m mark --mark 0x1/0x1 -j ACCEPT'],
  ['MARK', 'nat', '-A PREROUTING -j MARK --or-mark 0x1'],
  ['addrtype', 'nat', '-A PREROUTING -m addrtype --dst-type LOCAL -j ACCEPT'],
];

async function trialRules(exec: Exec): Promise<Problem[]> {
  const attempt = (trials: typeof ruleTrials): Promise<CommandError | undefined> => {
    const lines = ['nat', 'filter'].flatMap((table) => {
      const rules = trials.filter((trial) => trial[1] === table).map((trial) => trial[2]);
      return rules.length === 0 ? [] : [`*${table}`, ...rules, 'COMMIT'];
    });
    return failureOf(exec, ['unshare', '--net', 'iptables-restore'], lines);
  };
  if ((await attempt(ruleTrials)) === undefined) return [];
  const problems: Problem[] = [];
  for (const trial of ruleTrials) {
    const failure = await attempt([trial]);
    if (failure !== undefined)
      problems.push({
        what: `iptables has no "${trial[0]}" here (${firstLine(failure.stderr)})`,
        remedy: `modprobe xt_${trial[0]}, or use a kernel that has it`,
      });
  }
  return problems;
}

async function failureOf(
  exec: Exec,
  argv: [string, ...string[]],
  lines: readonly string[],
): Promise<CommandError | undefined> {
  try {
    await exec.run({ argv, stdin: `${lines.join('\n')}\n` });
    return undefined;
  } catch (error) {
    if (error instanceof CommandError) return error;
    throw error;
  }
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0] ?? '';
}

async function takenRanges(exec: Exec, { ranges, ownLink = '' }: PreflightNeeds): Promise<Problem[]> {
  if (ranges === undefined) return [];
  return rangesInUse(await routesOfHost(exec), ranges, ownLink);
}

/** For rangesInUse. */
export async function routesOfHost(exec: Exec): Promise<string> {
  const read = async (family: Family): Promise<unknown[]> => {
    const { stdout } = await exec.run({ argv: ['ip', '-json', family.ipFlag, 'route', 'show', 'table', 'all'] });
    return stdout.trim() === '' ? [] : (JSON.parse(stdout) as unknown[]);
  };
  return JSON.stringify((await Promise.all(families.map(read))).flat());
}

interface Route {
  readonly type?: string;
  readonly dst: string;
  readonly dev?: string;
  readonly gateway?: string;
  readonly table?: string;
}

/** `routes` is what `ip -json route show table all` prints. A default route is no conflict: it is what is left over. */
export function rangesInUse(routes: string, ranges: Readonly<Record<string, string>>, ownLink: string): Problem[] {
  const known = (JSON.parse(routes === '' ? '[]' : routes) as Route[]).filter(
    ({ dst, dev }) => dst !== 'default' && dev !== ownLink,
  );
  const problems: Problem[] = [];
  for (const [purpose, text] of Object.entries(ranges)) {
    const range = tryParseCIDR(text);
    const taken = known.find(({ dst }) => {
      const other = tryParseCIDR(dst.includes('/') ? dst : `${dst}/${familyOfText(dst).bits}`);
      return range !== undefined && other !== undefined && other.prefixLength > 0 && overlaps(range, other);
    });
    if (taken === undefined) continue;
    const { dst, gateway, dev, table } = taken;
    const route = [dst, gateway && `via ${gateway}`, dev && `dev ${dev}`, table && `table ${table}`].filter(Boolean);
    problems.push({
      what: `${text} (${purpose}) overlaps a route of this machine: ${route.join(' ')}`,
      remedy: `choose another range with --${purpose}`,
    });
  }
  return problems;
}
