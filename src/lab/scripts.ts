/**
 * The scripts that make a lab in the kernel. They are what a dry run shows and what `/bin/sh -eu` runs: a machine is put
 * together inside namespaces of its own, step by step, and one process a step from here would cost more than the steps.
 */
import {
  hostAddress,
  machinesOf,
  outsideAddress,
  outsideGateway,
  outsideRange,
  routerAddress,
  segmentsOf,
  withPrefix,
  type LabConfig,
  type Machine,
} from './config.ts';
import { linkAddress } from './link-address.ts';
import { ipv6BootLines, ipv6BridgeLines, ipv6HostLines, ipv6MachineLines, ipv6SwitchLines } from './scripts-ipv6.ts';
import { imageFolder, inside, kernelNames, machineAlias, machinePlaces, segmentBridge } from './places.ts';
import { quote, withInput, words } from './shell.ts';

/** What the scripts must know of the host. */
export interface HostFacts {
  /** Where the unified hierarchy is mounted. */
  readonly cgroupRoot: string;
  /** hostname, hosts, resolv.conf: where each really lies; one that the host does not have is left out. */
  readonly etc: Readonly<Record<string, string>>;
  readonly internet: {
    readonly hasDefaultRoute: boolean;
    /** What the host lacks for it, and what to do; undefined when nothing. */
    readonly missing?: string | undefined;
  };
}

/** 28 machines that all know each other are 756 neighbours. */
const fewMachines = 28;

const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The host's end, and the switch in a namespace of its own. The last line is what tells that all of it stands. */
export function switchScript(config: LabConfig): string {
  const { switchNetns, hostLink, alias, unfinished } = kernelNames(config.name);
  return [
    withInput('ip -batch -', [
      `netns add ${switchNetns}`,
      `link add ${hostLink} type veth peer name host netns ${switchNetns}`,
      `link set ${hostLink} alias ${unfinished}`,
      `address add ${withPrefix(config, hostAddress(config))} dev ${hostLink}`,
      `link set ${hostLink} up`,
      ...acrossRoutes(config),
      ...ipv6HostLines(config, hostLink),
    ]),
    withInput(`ip -netns ${switchNetns} -batch -`, [
      'link set lo up',
      ...segmentsOf(config).flatMap((segment) => bridge(config, segment)),
      `link set host alias ${alias} master switch up`,
      ...(segmentsOf(config).length === 1 ? [] : [`route add ${outsideRange} via ${outsideGateway(config)}`]),
      ...ipv6SwitchLines(config),
    ]),
    // Whom it refuses hears of it each time: a limit of one word a second would make callers wait.
    `nsenter --net=/run/netns/${switchNetns} sh -euc 'cd /proc/sys/net/ipv4; echo 1 > ip_forward; echo 0 > icmp_ratelimit'`,
    ...(config.ipv6 === undefined
      ? []
      : [
          `nsenter --net=/run/netns/${switchNetns} sh -euc 'cd /proc/sys/net/ipv6; echo 1 > conf/all/forwarding; echo 0 > icmp/ratelimit'`,
        ]),
    `ip link set ${hostLink} alias ${alias}`,
  ].join('\n');
}

/** One segment. With an address of its own: a bridge takes one of its ports' otherwise, and another one when that port goes. */
function bridge(config: LabConfig, segment: number): string[] {
  const name = segmentBridge(segment);
  const address = routerAddress(config, segment);
  return [
    `link add ${name} address ${linkAddress(address)} type bridge forward_delay 0 mcast_snooping 0`,
    `address add ${withPrefix(config, address)} dev ${name}`,
    ...ipv6BridgeLines(config, segment, name),
    `link set ${name} alias ${kernelNames(config.name).alias} up`,
  ];
}

/** From the first segment to the others. */
function acrossRoutes(config: LabConfig): string[] {
  return segmentsOf(config).length === 1 ? [] : [`route add ${config.nodeCIDR} via ${routerAddress(config, 1)}`];
}

/** Takes what is left of a machine's port away: its namespace goes only some time after its last process. */
export function removePortScript(lab: string, machine: string): string {
  return withInput(`ip -netns ${kernelNames(lab).switchNetns} -force -batch -`, [`link delete ${machine}`]);
}

/** Takes the switch away, whatever is left of it. */
export function removeSwitchScript(lab: string, observed: { readonly netns: boolean; readonly link: boolean }): string {
  const { switchNetns, hostLink } = kernelNames(lab);
  const lines = [
    ...(observed.link ? [`link delete ${hostLink}`] : []),
    ...(observed.netns ? [`netns delete ${switchNetns}`] : []),
  ];
  return withInput('ip -force -batch -', lines);
}

/**
 * Starts machines at the same time. A cgroup namespace's root is the group its first process is in, so each joins its
 * group before it leaves the host's namespaces.
 */
export function startScript(config: LabConfig, machines: readonly Machine[], host: HostFacts): string {
  const lines = machines.map((machine, index) => {
    const group = machineCgroup(host.cgroupRoot, config.name, machine.name);
    const boot = machinePlaces(config.name, machine.name).boot;
    return [`mkdir -p ${quote(group)}`, `start ${words(group, boot)} & boot${index}=$!`].join('\n');
  });
  const above = [`${host.cgroupRoot}/podwire`, `${host.cgroupRoot}/podwire/${config.name}`];
  return [
    // A descriptor that a caller left open would otherwise live as long as the machines. The third is the lab's lock.
    'for fd in /proc/$$/fd/*; do fd=${fd##*/}; if [ "$fd" -gt 3 ]; then eval "exec $fd>&-"; fi; done',
    words('mkdir', '-p', ...above),
    handDown(...above),
    `start() { exec sh -c 'echo $$ > "$1/cgroup.procs"; exec unshare --net --mount --uts --ipc --cgroup sh -eu "$2"' sh "$1" "$2"; }`,
    ...lines,
    ...machines.map((_, index) => `wait $boot${index}`),
  ].join('\n');
}

/** A machine's control group in the unified hierarchy. */
export function machineCgroup(cgroupRoot: string, lab: string, machine: string): string {
  return `${cgroupRoot}/podwire/${lab}/${machine}`;
}

/** What a machine is made of, from its network to its first process; runs inside all its namespaces but the PID one. */
export function bootScript(config: LabConfig, machine: Machine, host: HostFacts): string {
  return [
    `# ${machine.name} of lab ${config.name}: made by podwire, run inside its net, mount, uts, ipc and cgroup namespaces`,
    network(config, machine),
    mounts(config, machine, host),
    firstProcess(),
    '',
  ].join('\n\n');
}

/** The switch's port is made from the switch, so that it is a member before the machine's end is up. */
function network(config: LabConfig, machine: Machine): string {
  const { switchNetns } = kernelNames(config.name);
  const alias = machineAlias(config.name, machine.name);
  const port = `link add ${machine.name} up master ${segmentBridge(machine.segment)} type veth peer name eth0 address ${linkAddress(machine.address)} netns`;
  return [
    `echo ${quote(machine.name)} > /proc/sys/kernel/hostname`,
    ...ipv6BootLines(config, machine),
    `printf '%s\\n' "${port} $$" ${quote(`link set ${machine.name} alias ${alias}`)} | nsenter --net=/run/netns/${switchNetns} ip -batch -`,
    'umount -R /run/netns # this copy would keep the switches of other labs alive',
    withInput('ip -batch -', [
      'link set lo up',
      `address add ${withPrefix(config, machine.address)} dev eth0`,
      `link set eth0 alias ${alias} up`,
      ...routes(config, machine),
      ...neighbours(config, machine),
      ...ipv6MachineLines(config, machine, nearOf(config, machine)),
    ]),
    ...(machine.role === 'outside' ? [] : ['echo 1 > /proc/sys/net/ipv4/ip_forward']),
  ].join('\n');
}

/** The outside answers for its own range, and knows nobody beyond the switch: what is not masqueraded gets no answer. */
function routes(config: LabConfig, { role, segment }: Machine): string[] {
  if (role === 'outside') return [`address add ${outsideAddress}/32 dev lo`, ...acrossRoutes(config)];
  const router = routerAddress(config, segment);
  if (segment > 1) return [`route add default via ${router}`];
  return [
    `route add default via ${router}`,
    `route add ${outsideRange} via ${outsideGateway(config)}`,
    ...acrossRoutes(config),
  ];
}

/**
 * The kernel keeps at most 1,024 neighbours for all namespaces together (gc_thresh3), which a large lab whose nodes all speak to each
 * other would exceed; permanent entries do not count (from Linux 5.0 on). In a small one a node that is gone is better noticed.
 */
function neighbours(config: LabConfig, machine: Machine): string[] {
  return nearOf(config, machine).map(
    (other) => `neighbour replace ${other.address} lladdr ${linkAddress(other.address)} dev eth0 nud permanent`,
  );
}

/** Those of the same segment, in a large lab. */
function nearOf(config: LabConfig, machine: Machine): Machine[] {
  const machines = machinesOf(config);
  if (machines.length <= fewMachines) return [];
  return machines.filter(({ name, segment }) => name !== machine.name && segment === machine.segment);
}

/**
 * The mounts come from one file by one `mount`. Processes live in groups below the root, or a hierarchy with controllers
 * would refuse to hand them down.
 */
function mounts(config: LabConfig, machine: Machine, host: HostFacts): string {
  const files = Object.entries(host.etc).filter(([, target]) => isInRun(target));
  return [
    words('mount', '--all', '--fstab', machinePlaces(config.name, machine.name).fstab),
    'mount --make-rshared /',
    'mkdir /sys/fs/cgroup/init /sys/fs/cgroup/system',
    'echo $$ > /sys/fs/cgroup/init/cgroup.procs',
    handDown('/sys/fs/cgroup'),
    'mkdir -p /run/netns /run/lock /run/podwire',
    words('cp', '-R', '-p', `${inside.machine}/service`, inside.services),
    // A resolv.conf of systemd-resolved points into /run, which is new and empty here.
    ...files.map(
      ([file, target]) =>
        `mkdir -p ${quote(dirname(target))}; cp ${quote(`${inside.machine}/etc/${file}`)} ${quote(target)}`,
    ),
  ].join('\n');
}

/** /sys shows this network namespace and this machine's control groups. The order counts: /var/lib hides where all else came from. */
export function fstab(config: LabConfig, machine: Machine, host: HostFacts): string {
  const places = machinePlaces(config.name, machine.name);
  const files = Object.entries(host.etc).filter(([, target]) => !isInRun(target));
  const bind = (from: string, to: string): string => `${from} ${to} none bind 0 0`;
  return [
    'podwire-sys /sys sysfs defaults 0 0',
    'podwire-cgroup /sys/fs/cgroup cgroup2 defaults 0 0',
    'podwire-run /run tmpfs mode=755,nosuid,nodev 0 0',
    ...files.map(([file, target]) => bind(`${places.etc}/${file}`, target)),
    bind(places.log, '/var/log'),
    bind(imageFolder, `${places.lib}/podwire/images`),
    `${places.lib} /var/lib none rbind 0 0`,
    '',
  ].join('\n');
}

/** Lets the groups below this one have the controllers that it has. A kernel may refuse some of them. */
function handDown(...groups: readonly string[]): string {
  return [
    `for group in ${words(...groups)}; do`,
    '  read -r controllers < $group/cgroup.controllers || controllers=',
    '  for controller in $controllers; do { echo "+$controller" > $group/cgroup.subtree_control; } 2> /dev/null || true; done',
    'done',
  ].join('\n');
}

function isInRun(path: string): boolean {
  return path.startsWith('/run/');
}

function dirname(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

/** Goes on in the background when this script has ended, without the lab's lock; its death takes everything in the PID namespace with it. */
function firstProcess(): string {
  return [
    'setsid unshare --pid --fork --kill-child --mount-proc --propagation unchanged \\',
    `  env -i PATH=${path} HOME=/root LANG=C.UTF-8 s6-svscan ${inside.services} \\`,
    `  < /dev/null > ${inside.logs}/console.log 2>&1 3>&- &`,
  ].join('\n');
}

/**
 * A service under s6: joins its control group and becomes the program. What is in the group already is the one before, whose supervisor
 * was killed and which went on: it ends first, or two would do the same work. The group is made anew then: a process that is cloned into
 * another group (as crun does at exec) from one that was ever killed dies at birth, since Linux 6.13 compares the counts of their kills.
 */
export function serviceRun(name: string, argv: readonly string[]): string {
  const group = `/sys/fs/cgroup/system/${name}`;
  return [
    '#!/bin/sh',
    'exec 2>&1',
    `while read -r _ populated 2> /dev/null < ${group}/cgroup.events && [ "$populated" = 1 ]; do echo 1 > ${group}/cgroup.kill; sleep 0.01; done`,
    `rmdir ${group} 2> /dev/null`,
    `mkdir -p ${group}`,
    `echo 0 > ${group}/cgroup.procs`,
    `exec ${words(...argv)}`,
    '',
  ].join('\n');
}

/** Its log: at most four old files and a current one, 2 MB each. */
export function serviceLogRun(name: string): string {
  return ['#!/bin/sh', `exec ${words('s6-log', 'n4', 's2000000', `${inside.logs}/${name}`)}`, ''].join('\n');
}
