/**
 * Client affinity: each endpoint of such a port has a set of the clients that were led to it, which forgets them by itself. An
 * endpoint that goes takes its set, and with it what its clients remember.
 */
import type { Cidr } from '../../api/addresses.ts';
import type { Family } from '../../kernel/family.ts';
import type { Endpoint, ServicePort } from '../model/service-port.ts';
import type { Placed, PortObjects } from './elements.ts';
import { affinitySet, affinityTail, endpointComment, protocolNumbers, type Way } from './names.ts';
import { comment, type ChainText, type SetText } from '../../kernel/nft-objects.ts';
import { markRules } from './structure.ts';

/** Clients that one endpoint remembers at most: what the kernel allows by itself. */
const maxClients = 65_535;

/** As nft prints a time: `3h`, `1m40s`. */
export function formatSeconds(seconds: number): string {
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ];
  return parts.flatMap(([count, unit]) => (count === 0 ? [] : [`${count}${unit}`])).join('');
}

function setOf(port: ServicePort, endpoint: Endpoint): string {
  return affinitySet(affinityTail(port), endpoint.ip, endpoint.port, port.affinitySeconds ?? 0);
}

/** To the endpoint that the client had; otherwise to one in n, which is remembered. */
function rules(port: ServicePort, endpoints: readonly Endpoint[], family: Family): readonly string[] {
  const source = family.version === 4 ? 'ip saddr' : 'ip6 saddr';
  const lead = (endpoint: Endpoint, condition: string): string => {
    const set = setOf(port, endpoint);
    const target = family.version === 4 ? endpoint.ip : `[${endpoint.ip}]`;
    const about = endpointComment(port.name, endpoint.pod);
    const to = `update @${set} { ${source} } dnat to ${target}:${endpoint.port} ${about}`;
    return `meta l4proto ${protocolNumbers[port.protocol]}${condition} ${to}`;
  };
  const had = endpoints.map((one) => lead(one, ` ${source} @${setOf(port, one)}`));
  const drawn = endpoints.map((one, index) => {
    const left = endpoints.length - index;
    return lead(one, left === 1 ? '' : ` numgen random mod ${left} 0`);
  });
  return [...had, ...drawn];
}

/** Which lists the fronts of a port ask for, by the way that leads there. */
function lists({ port, all, local, fronts }: Placed): ReadonlyMap<Way, readonly Endpoint[]> {
  const ways = new Map<Way, readonly Endpoint[]>();
  for (const { kind, policy } of fronts) {
    if (kind === 'cluster') ways.set('cluster', port.internalPolicy === 'Local' ? local : all);
    else if (policy === 'Cluster') ways.set('external', all);
    else ways.set('inside', all).set('pick', local);
  }
  return ways;
}

/** The chains and sets of a port with affinity. */
export function affinityObjects(
  placed: Placed,
  family: Family,
  clusterCIDR: Cidr | undefined,
): Pick<PortObjects, 'sets' | 'chains'> {
  const { port } = placed;
  const said = comment(port.name);
  const chains: ChainText[] = [];
  const sets = new Map<string, SetText>();
  for (const [way, endpoints] of lists(placed)) {
    if (endpoints.length === 0) continue;
    const marks = markRules(way, family, clusterCIDR).map((rule) => `${rule} ${said}`);
    const found = rules(port, endpoints, family);
    chains.push({ name: `${way}-${affinityTail(port)}`, lines: [said, ...marks, ...found, `drop ${said}`] });
    for (const endpoint of endpoints) {
      const name = setOf(port, endpoint);
      const timeout = `timeout ${formatSeconds(port.affinitySeconds ?? 0)}`;
      const type = family.version === 4 ? 'type ipv4_addr' : 'type ipv6_addr';
      const head = [
        type,
        `size ${maxClients}`,
        'flags dynamic,timeout',
        timeout,
        endpointComment(port.name, endpoint.pod),
      ];
      sets.set(name, { kind: 'set', name, head });
    }
  }
  return { chains, sets: [...sets.values()] };
}
