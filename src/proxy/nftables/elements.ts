/** The elements and chains that one Service port asks for. Pure; small, because it is computed anew for every change. */
import { contains, type Cidr } from '../../api/addresses.ts';
import type { Family } from '../../kernel/family.ts';
import type { Endpoint, ServicePort } from '../model/service-port.ts';
import { affinityObjects } from './affinity.ts';
import type { Front } from './fronts.ts';
import {
  affinityTail,
  blockOf,
  endpointComment,
  endpointMap,
  insideOffset,
  type VerdictMap,
  type Way,
} from './names.ts';
import { comment, type ChainText, type SetText } from '../../kernel/nft-objects.ts';

export interface Element {
  /** The map or set. */
  readonly set: string;
  readonly key: string;
  /** Comment and value, as nft prints them. */
  readonly rest: string;
}

/** A Service port with the numbers that its endpoints have, and the fronts that it keeps. */
export interface Placed {
  readonly port: ServicePort;
  readonly all: readonly Endpoint[];
  readonly local: readonly Endpoint[];
  readonly fronts: readonly Front[];
}

export interface PortObjects {
  readonly elements: readonly Element[];
  readonly sets: readonly SetText[];
  readonly chains: readonly ChainText[];
}

export interface ObjectOptions {
  readonly family: Family;
  readonly clusterCIDR: Cidr | undefined;
}

class PortElements {
  readonly elements: Element[] = [];
  readonly #placed: Placed;
  readonly #name: string;
  readonly #affinity: string | undefined;

  constructor(placed: Placed) {
    this.#placed = placed;
    this.#name = comment(placed.port.name);
    this.#affinity = placed.port.affinitySeconds === undefined ? undefined : affinityTail(placed.port);
  }

  verdict(map: VerdictMap, { key }: Front, verdict: string): void {
    this.elements.push({ set: map, key, rest: `${this.#name} : ${verdict}` });
  }

  /** Leads to these endpoints, and says who they are. */
  #lead(way: Way, { key, kind }: Front, endpoints: readonly Endpoint[]): string {
    if (this.#affinity !== undefined) return `goto ${way}-${this.#affinity}`;
    const isNode = kind === 'node';
    const set = endpointMap(blockOf(endpoints.length), isNode);
    const first = way === 'inside' ? insideOffset : 0;
    endpoints.forEach(({ ip, port, pod }, index) => {
      const rest = `${endpointComment(this.#placed.port.name, pod)} : ${ip} . ${port}`;
      this.elements.push({ set, key: `${key} . ${first + index}`, rest });
    });
    return `goto ${isNode ? 'node-' : ''}${way}-${endpoints.length}`;
  }

  front(front: Front): void {
    const isNode = front.kind === 'node';
    if (front.kind === 'cluster') {
      const key = front.key.slice(0, front.key.indexOf(' '));
      this.elements.push({ set: 'cluster-ips', key, rest: `${comment(this.#placed.port.service)} : goto refuse` });
    }
    const verdict = this.#verdictOf(front);
    if (front.sourceRanges === undefined) return this.verdict(isNode ? 'node-ports' : 'services', front, verdict);
    if (front.sourceRanges.length === 0) return this.verdict('services', front, 'drop');
    this.verdict('services', front, 'goto restricted');
    this.verdict('restricted', front, verdict);
    for (const range of front.sourceRanges)
      this.elements.push({ set: 'allowed', key: `${front.key} . ${range}`, rest: this.#name });
  }

  #verdictOf(front: Front): string {
    const { all, local } = this.#placed;
    const { kind, policy } = front;
    if (all.length === 0 && local.length === 0) return 'goto refuse';
    if (policy === 'Cluster') return this.#lead(kind === 'cluster' ? 'cluster' : 'external', front, all);
    // Another node may have an endpoint: what is lost here is sent again, what is refused is not.
    if (kind === 'cluster') return local.length === 0 ? 'drop' : this.#lead('cluster', front, local);
    const isNode = kind === 'node';
    const inside = all.length === 0 ? 'goto refuse' : this.#lead('inside', front, all);
    this.verdict(isNode ? 'node-inside' : 'inside', front, inside);
    const outside = local.length === 0 ? 'drop' : this.#lead('pick', front, local);
    this.verdict(isNode ? 'node-outside' : 'outside', front, outside);
    return isNode ? 'goto node-local-policy' : 'goto local-policy';
  }

  /** A pod of this node that is sent to itself must see another source than itself. */
  hairpin(clusterCIDR: Cidr | undefined): void {
    const { all, local } = this.#placed;
    const seen = new Set<string>();
    for (const endpoint of local.length === 0 ? all : [...all, ...local]) {
      const { ip, pod } = endpoint;
      if (!endpoint.local || seen.has(ip) || (clusterCIDR !== undefined && !contains(clusterCIDR, ip))) continue;
      seen.add(ip);
      const who = pod === '' ? ip : pod;
      this.elements.push({ set: 'hairpin', key: `${ip} . ${ip}`, rest: comment(`${who} to itself through a Service`) });
    }
  }
}

/** What the kernel must have for this port. */
export function objectsOf(placed: Placed, { family, clusterCIDR }: ObjectOptions): PortObjects {
  const found = new PortElements(placed);
  for (const front of placed.fronts) found.front(front);
  if (placed.fronts.length > 0) found.hairpin(clusterCIDR);
  const { elements } = found;
  if (placed.port.affinitySeconds === undefined) return { elements, sets: [], chains: [] };
  return { elements, ...affinityObjects(placed, family, clusterCIDR) };
}
