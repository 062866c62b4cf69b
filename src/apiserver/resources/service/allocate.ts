/**
 * What a Service holds of the cluster's pools. On a write, first everything that is new is taken (an early refusal gives it
 * back); the write follows; only when it came through goes back what the old object held and the new does not. So a crash or
 * a lost write leaks nothing for longer than the process lives: at start the pools are filled from the stored Services.
 *
 *   old holds ─┐
 *   new wants ─┴─► take new − old ──► write ──► commit: give old − new
 *                                        └────► rollback: give new − old
 */
import type { Service } from '../../../api/types.gen.ts';
import { familyOf, type Family } from '../../../api/addresses.ts';
import { services } from '../../../api/resources.ts';
import type { ClusterAddresses } from '../../allocators/cluster-addresses.ts';
import type { NodePortPool } from '../../allocators/node-ports.ts';
import type { Allocation, Lookup, StrategyContext } from '../../resource.ts';
import { invalid } from '../../validation/field-error.ts';
import { internalError, invalidObject } from '../../validation/refusal.ts';
import {
  holdsNodePorts,
  isHeadless,
  needsClusterIP,
  needsHealthPort,
  portsOf,
  specOf,
  wantsNodePorts,
} from './kinds.ts';
import { isReserved, openRanges } from './ranges.ts';

/** The pools of one cluster. */
export interface ServicePools {
  readonly addresses: ClusterAddresses;
  readonly ports: NodePortPool;
}

/** One number of a pool that was taken or is to be given back. */
interface Claim {
  readonly give: () => void;
}

interface Attempt {
  readonly service: Service;
  readonly pools: ServicePools;
  readonly dryRun: boolean;
  readonly lookup: Lookup;
  readonly taken: Claim[];
}

const addressesOf = (service: Service | undefined): readonly string[] =>
  service === undefined || !needsClusterIP(service) || isHeadless(service)
    ? []
    : (service.spec?.clusterIPs ?? []).filter((address) => familyOf(address) !== undefined);

function nodePortsOf(service: Service | undefined): readonly number[] {
  if (service === undefined || !holdsNodePorts(service)) return [];
  const ports = portsOf(service).flatMap(({ nodePort }) => (nodePort ? [nodePort] : []));
  const health = needsHealthPort(service) ? (service.spec?.healthCheckNodePort ?? 0) : 0;
  return [...new Set(health ? [...ports, health] : ports)];
}

function refuse({ service }: Attempt, field: string, value: unknown, detail: string): never {
  throw invalidObject(services, service.metadata.name ?? '', [invalid(field, value, detail)]);
}

/** Why this address cannot be had. */
function refusalOf({ pools: { addresses }, dryRun, lookup }: Attempt, address: string): string | undefined {
  if (isReserved(lookup, address)) return 'provided IP is already allocated';
  return dryRun ? addresses.outOfRange(address) : addresses.take(address);
}

function takeAddress(attempt: Attempt, family: Family, address: string): string {
  const { service, pools, dryRun, lookup, taken } = attempt;
  const { addresses } = pools;
  const field = 'spec.clusterIPs';
  if (address !== '') {
    const refusal = refusalOf(attempt, address);
    const detail = `failed to allocate IP ${address}: ${refusal}`;
    if (refusal !== undefined) refuse(attempt, field, service.spec?.clusterIPs ?? [], detail);
  }
  const any = (): string | undefined => addresses.takeAny(family, (each) => isReserved(lookup, each));
  const chosen = address || (dryRun ? addresses.example(family) : any());
  if (chosen === undefined) {
    const name = JSON.stringify(service.metadata.name);
    throw internalError(`failed to allocate a serviceIP for Service ${name}: range is full`);
  }
  if (!dryRun) taken.push({ give: () => addresses.give(chosen) });
  return chosen;
}

function takeAddresses(attempt: Attempt, old: Service | undefined): void {
  const { service, pools } = attempt;
  if (!needsClusterIP(service) || isHeadless(service)) return;
  const spec = specOf(service);
  const held = addressesOf(old);
  const wanted = spec.clusterIPs ?? [];
  pools.addresses.follow(openRanges(attempt.lookup));
  spec.clusterIPs = (spec.ipFamilies ?? []).map((family, i) => {
    const address = wanted[i] ?? '';
    const number = family === 'IPv6' ? 6 : 4;
    const known = pools.addresses.families.includes(number);
    return known && !held.includes(address) ? takeAddress(attempt, number, address) : address;
  });
  if (spec.clusterIPs[0] !== undefined) spec.clusterIP = spec.clusterIPs[0];
}

function takePort(attempt: Attempt, port: number, field: string): number {
  const { pools, dryRun, taken, service } = attempt;
  const { range } = pools.ports;
  if (port !== 0) {
    const outside = port < range.from || port > range.to;
    const known = dryRun && !outside;
    const refusal = known
      ? pools.ports.has(port)
        ? 'provided port is already allocated'
        : undefined
      : pools.ports.take(port);
    if (refusal !== undefined) refuse(attempt, field, port, refusal);
  }
  const chosen = port || (dryRun ? unusedPort(service, range.from) : pools.ports.takeAny());
  if (chosen === undefined) throw internalError('failed to allocate a nodePort: range is full');
  if (!dryRun) taken.push({ give: () => pools.ports.give(chosen) });
  return chosen;
}

/** What a dry run shows in place of a port. */
function unusedPort(service: Service, from: number): number {
  const used = nodePortsOf(service);
  let port = from;
  while (used.includes(port)) port += 1;
  return port;
}

function takePorts(attempt: Attempt, old: Service | undefined): void {
  const { service } = attempt;
  const held = new Set(nodePortsOf(old));
  /** Numbers of this Service so far, and the protocols that each serves. */
  const own = new Map<number, Set<string>>();
  const ports = holdsNodePorts(service) ? portsOf(service) : [];
  for (const [i, port] of ports.entries()) {
    const wanted = port.nodePort || sharedPort(service, i, own) || 0;
    if (wanted === 0 && !wantsNodePorts(service)) continue;
    const mine = held.has(wanted) || own.has(wanted);
    port.nodePort = mine ? wanted : takePort(attempt, wanted, `spec.ports[${i}].nodePort`);
    const protocols = own.get(port.nodePort) ?? new Set<string>();
    own.set(port.nodePort, protocols.add(port.protocol ?? 'TCP'));
  }
  if (!needsHealthPort(service)) return;
  const wanted = specOf(service).healthCheckNodePort ?? 0;
  if (wanted !== 0 && held.has(wanted)) return;
  specOf(service).healthCheckNodePort = takePort(attempt, wanted, 'spec.healthCheckNodePort');
}

/** The same port in another protocol gets the same port on the nodes: DNS over TCP and UDP. */
function sharedPort(
  service: Service,
  index: number,
  own: ReadonlyMap<number, ReadonlySet<string>>,
): number | undefined {
  const ports = portsOf(service);
  const port = ports[index];
  if (port === undefined || !wantsNodePorts(service)) return undefined;
  const twin = ports.find((each) => each !== port && each.port === port.port && each.nodePort);
  if (twin?.nodePort === undefined || own.get(twin.nodePort)?.has(port.protocol ?? 'TCP')) return undefined;
  return twin.nodePort;
}

function giveBack(old: Service, service: Service, pools: ServicePools): void {
  const addresses = addressesOf(service);
  const ports = nodePortsOf(service);
  for (const address of addressesOf(old)) {
    if (!addresses.includes(address)) pools.addresses.give(address);
  }
  for (const port of nodePortsOf(old)) if (!ports.includes(port)) pools.ports.give(port);
}

/** Takes what the Service needs and writes it into it. Throws 422 when a certain address or port cannot be had. */
export function allocateService(
  service: Service,
  old: Service | undefined,
  pools: ServicePools,
  { dryRun, lookup }: Pick<StrategyContext, 'dryRun' | 'lookup'>,
): Allocation {
  const taken: Claim[] = [];
  const rollback = (): void => {
    for (const claim of taken.splice(0)) claim.give();
  };
  try {
    takeAddresses({ service, pools, dryRun, lookup, taken }, old);
    takePorts({ service, pools, dryRun, lookup, taken }, old);
  } catch (error) {
    rollback();
    throw error;
  }
  return {
    commit: () => {
      if (old !== undefined && !dryRun) giveBack(old, service, pools);
    },
    rollback,
  };
}

/** Gives back all that a deleted Service held. */
export function releaseService(service: Service, pools: ServicePools): void {
  for (const address of addressesOf(service)) pools.addresses.give(address);
  for (const port of nodePortsOf(service)) pools.ports.give(port);
}

/** Fills the pools anew from the Services that are stored: at start, before the first write. */
export function rebuildPools(pools: ServicePools, stored: readonly Service[]): void {
  for (const pool of [pools.addresses, pools.ports]) pool.clear();
  for (const service of stored) {
    for (const address of addressesOf(service)) pools.addresses.hold(address);
    for (const port of nodePortsOf(service)) pools.ports.take(port);
  }
}
