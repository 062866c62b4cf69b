/** Ports of the node that lead to pods: as rules, and read back from them. Pure. */
import { contains, parseCIDR, parseIP } from '../api/addresses.ts';
import { familyOfText, ipv4, type Family } from '../kernel/family.ts';
import { comment, ruleWords, type RuleSet } from '../kernel/iptables.ts';
import type { DesiredRules } from '../kernel/plan-iptables.ts';
import type { HostPort } from './contract.ts';
import { bridgeName } from './names.ts';

/** The ports of one pod. */
export interface PodPorts {
  /** `namespace/name` */
  readonly pod: string;
  readonly ips: readonly string[];
  readonly ports: readonly HostPort[];
}

/** Whether host ports made a chain of this name. */
export function ownsPortChain(name: string): boolean {
  return name.startsWith('PW-HOST-');
}

const portChain = 'PW-HOST-PORTS';
const backChain = 'PW-HOST-BACK';
const guardChain = 'PW-HOST-GUARD';
const loopback = parseCIDR('127.0.0.0/8');

/** No address, and the unspecified one of either family, stand for every address of the node. */
function isAny(hostIP: string): boolean {
  return hostIP === '' || parseIP(hostIP)?.value === 0n;
}

/** `0.0.0.0` is every address of IPv4, `::` of IPv6, none at all those of both. */
function isFor(family: Family, { hostIP }: HostPort): boolean {
  return hostIP === '' || familyOfText(hostIP) === family;
}

interface Mapping extends HostPort {
  readonly pod: string;
  readonly ip: string;
}

/** One an address of the pod; those of one address of the node before those of all, since the first rule that fits is taken. */
function mappingsOf(family: Family, pods: readonly PodPorts[]): readonly Mapping[] {
  const all = pods.flatMap(({ pod, ips, ports }) => {
    const ip = ips.find((one) => familyOfText(one) === family);
    return ip === undefined
      ? []
      : ports.filter((port) => isFor(family, port)).map((port): Mapping => ({ ...port, pod, ip }));
  });
  const keyOf = ({ hostIP, protocol, hostPort }: Mapping): string =>
    `${isAny(hostIP) ? 1 : 0} ${String(hostPort).padStart(5, '0')} ${protocol} ${hostIP}`;
  return [...all].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

function translation(family: Family, { hostIP, hostPort, protocol, containerPort, ip, pod }: Mapping): string {
  const target = family === ipv4 ? `${ip}:${containerPort}` : `[${ip}]:${containerPort}`;
  const to = isAny(hostIP) ? '' : `-d ${hostIP}/${family.bits} `;
  const match = `-p ${protocol.toLowerCase()} -m ${protocol.toLowerCase()} --dport ${hostPort}`;
  return `${to}${match} ${comment(`host port of ${pod}`)} -j DNAT --to-destination ${target}`;
}

/** Whether the node's own loopback address leads to a pod. IPv6 has no such way: the kernel lets no packet from ::1 out. */
export function needsLoopback(pods: readonly PodPorts[]): boolean {
  return mappingsOf(ipv4, pods).some(({ hostIP }) => isAny(hostIP) || contains(loopback, hostIP));
}

/** A pod that calls itself by the node, and the node that calls by its loopback address: the answer must come back to the translation. */
function backRules(family: Family, mappings: readonly Mapping[]): string[] {
  const own = new Map(mappings.map(({ ip, pod }) => [ip, pod]));
  return [
    ...[...own].map(
      ([ip, pod]) =>
        `-s ${ip}/${family.bits} -d ${ip}/${family.bits} ${comment(`${pod} calls itself by a host port`)} -j MASQUERADE`,
    ),
    ...(family === ipv4
      ? [`-s 127.0.0.0/8 -o ${bridgeName} ${comment('podwire: the node calls a host port by loopback')} -j MASQUERADE`]
      : []),
  ];
}

/** Without ports there is nothing. */
export function hostPortRules(family: Family, pods: readonly PodPorts[]): DesiredRules {
  const mappings = mappingsOf(family, pods);
  if (mappings.length === 0) return { chains: new Map(), hooks: [] };
  const jump = `-m addrtype --dst-type LOCAL ${comment('podwire: host ports')} -j ${portChain}`;
  const guard = `-d 127.0.0.0/8 -i ${bridgeName} -m conntrack ! --ctstate RELATED,ESTABLISHED ${comment('podwire: no pod calls the loopback address of its node')} -j DROP`;
  const isGuarded = family === ipv4 && needsLoopback(pods);
  const nat = new Map([
    [portChain, { rules: mappings.map((each) => translation(family, each)), about: 'host ports' }],
    [backChain, { rules: backRules(family, mappings), about: 'answers of host ports' }],
  ]);
  return {
    chains: new Map([
      ['nat', nat],
      ['filter', new Map(isGuarded ? [[guardChain, { rules: [guard], about: 'loopback is the node own' }]] : [])],
    ]),
    hooks: [
      { table: 'nat', chain: 'PREROUTING', rule: jump },
      { table: 'nat', chain: 'OUTPUT', rule: jump },
      { table: 'nat', chain: 'POSTROUTING', rule: `${comment('podwire: host ports')} -j ${backChain}` },
      ...(isGuarded
        ? [{ table: 'filter' as const, chain: 'INPUT', rule: `${comment('podwire: host ports')} -j ${guardChain}` }]
        : []),
    ],
  };
}

/** What the rules of an earlier run say, by address of the pod. */
export function hostPortsIn(rules: RuleSet): ReadonlyMap<string, readonly HostPort[]> {
  const found = new Map<string, HostPort[]>();
  for (const rule of rules.get('nat')?.get(portChain) ?? []) {
    const words = ruleWords(rule);
    const after = (flag: string): string => words[words.indexOf(flag) + 1] ?? '';
    const target = /^\[?([\da-f.:]+?)\]?:(\d+)$/.exec(after('--to-destination'));
    if (target === null || !words.includes('--dport')) continue;
    const [, ip = '', containerPort = ''] = target;
    const hostIP = words.includes('-d')
      ? after('-d').replace(/\/\d+$/, '')
      : familyOfText(ip) === ipv4
        ? '0.0.0.0'
        : '::';
    const port = {
      hostIP,
      hostPort: Number(after('--dport')),
      containerPort: Number(containerPort),
      protocol: after('-p').toUpperCase(),
    };
    found.set(ip, [...(found.get(ip) ?? []), port]);
  }
  return found;
}
