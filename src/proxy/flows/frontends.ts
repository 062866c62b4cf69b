/** Where Services listen, looked up by a flow's destination; kept up to date change by change. Pure. */
import type { FlowSide } from '../../kernel/conntrack.ts';
import type { Endpoint, Protocol, ServicePort } from '../model/service-port.ts';
import type { ServiceChange } from '../model/table-keeper.ts';

/** Protocols whose flows can go stale: UDP lives as long as its sender goes on, TCP while it asks a dead address again and again. */
export type FlowProtocol = Exclude<Protocol, 'sctp'>;

/** `protocol address port`, or `protocol * port` for a node port. */
export type FrontendKey = string;

/** One frontend whose flows may be stale now. */
export interface Affected {
  readonly key: FrontendKey;
  readonly protocol: FlowProtocol;
  /** Undefined for a node port: every address of the node. */
  readonly address: string | undefined;
  readonly port: number;
}

const keyAt = (protocol: string, address: string | undefined, port: number): FrontendKey =>
  `${protocol} ${address ?? '*'} ${port}`;

const has = (endpoints: readonly Endpoint[], ip: string, port: number): boolean =>
  endpoints.some((one) => one.ip === ip && one.port === port);

function frontendsOf(port: ServicePort): Affected[] {
  const { protocol } = port;
  if (protocol === 'sctp') return [];
  const at = (address: string | undefined, number: number): Affected => ({
    key: keyAt(protocol, address, number),
    protocol,
    address,
    port: number,
  });
  const addresses = [...port.clusterIPs, ...port.externalIPs, ...port.loadBalancerIPs];
  return [
    ...addresses.map((address) => at(address, port.port)),
    ...(port.nodePort === undefined ? [] : [at(undefined, port.nodePort)]),
  ];
}

export class FrontendTable {
  /** Several ports at one key: an external address that two Services name. */
  readonly #ports = new Map<FrontendKey, readonly ServicePort[]>();

  /** Takes changes over, and tells where a flow may be stale now: somebody who answered does not any more, or the first one does. */
  apply(changes: readonly ServiceChange[]): readonly Affected[] {
    const affected = new Map<FrontendKey, Affected>();
    for (const { before, after } of changes) {
      const old = before.flatMap((port) => frontendsOf(port).map((frontend) => ({ frontend, port })));
      for (const { frontend, port } of old) this.#remove(frontend.key, port);
      for (const port of after) for (const { key } of frontendsOf(port)) this.#add(key, port);
      for (const { frontend, port } of old) {
        const gone = port.serving.some(({ ip, port: number }) => !this.answers(frontend.key, ip, number));
        if (gone) affected.set(frontend.key, frontend);
      }
      // A sender that came before there was anybody has a flow that was never translated. TCP is refused instead.
      for (const port of after.filter((one) => one.protocol === 'udp' && one.serving.length > 0))
        for (const frontend of frontendsOf(port))
          if (!old.some((one) => one.frontend.key === frontend.key && one.port.serving.length > 0))
            affected.set(frontend.key, frontend);
    }
    return [...affected.values()];
  }

  /** Whether this endpoint serves there; also one that ends, as long as it serves. */
  answers(key: FrontendKey, ip: string, port: number): boolean {
    return this.#ports.get(key)?.some(({ serving }) => has(serving, ip, port)) ?? false;
  }

  isServed(key: FrontendKey): boolean {
    return this.#ports.get(key)?.some(({ serving }) => serving.length > 0) ?? false;
  }

  /** The frontend that a flow went to: by address, or by node port. */
  keyOf(protocol: string, { destination, destinationPort }: FlowSide, isNode: boolean): FrontendKey | undefined {
    const exact = keyAt(protocol, destination, destinationPort);
    if (this.#ports.has(exact)) return exact;
    const nodePort = keyAt(protocol, undefined, destinationPort);
    return isNode && this.#ports.has(nodePort) ? nodePort : undefined;
  }

  #add(key: FrontendKey, port: ServicePort): void {
    const known = this.#ports.get(key);
    this.#ports.set(key, known === undefined ? [port] : [...known, port]);
  }

  #remove(key: FrontendKey, port: ServicePort): void {
    const left = this.#ports.get(key)?.filter((one) => one !== port && one.name !== port.name) ?? [];
    if (left.length === 0) this.#ports.delete(key);
    else this.#ports.set(key, left);
  }
}

/** The keys that a flow to this place may have had before its Service went. */
export function possibleKeys(
  protocol: string,
  { destination, destinationPort }: FlowSide,
  isNode: boolean,
): FrontendKey[] {
  const exact = keyAt(protocol, destination, destinationPort);
  return isNode ? [exact, keyAt(protocol, undefined, destinationPort)] : [exact];
}
