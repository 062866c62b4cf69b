/** The load-balancing table: who listens where, and which endpoints answer. One family at a time; the same for every back end. */

export type Protocol = 'tcp' | 'udp' | 'sctp';
export type TrafficPolicy = 'Cluster' | 'Local';

export interface Endpoint {
  /** Canonical text. */
  readonly ip: string;
  readonly port: number;
  /** On this node. */
  readonly local: boolean;
  /** `namespace/name` of the pod behind it; empty when the slice names none. */
  readonly pod: string;
}

/** One port of one Service. Lists are in a fixed order: the same objects give the same value. */
export interface ServicePort {
  /** `namespace/name:port`, or `namespace/name` for a port without a name. With the protocol it is unique in a table. */
  readonly name: string;
  /** `namespace/name` */
  readonly service: string;
  readonly protocol: Protocol;
  readonly port: number;
  readonly clusterIPs: readonly string[];
  readonly externalIPs: readonly string[];
  /** Addresses of a load balancer that sends packets on as they are (ipMode VIP): this node answers for them itself. */
  readonly loadBalancerIPs: readonly string[];
  /** CIDRs that may use `loadBalancerIPs`; others are dropped there. Undefined: everybody may. Empty: nobody of this family. */
  readonly sourceRanges: readonly string[] | undefined;
  readonly nodePort: number | undefined;
  readonly internalPolicy: TrafficPolicy;
  readonly externalPolicy: TrafficPolicy;
  /** How long a client stays with the endpoint that it had last; undefined: not at all. */
  readonly affinitySeconds: number | undefined;
  /**
   * Where traffic of policy Cluster goes: ready ones, those near this node where the slices ask for that, or those that still
   * serve while they end when none is ready.
   */
  readonly endpoints: readonly Endpoint[];
  /** The same for policy Local, of this node only. */
  readonly localEndpoints: readonly Endpoint[];
  /** Whoever may answer a flow that is there already: every endpoint that serves, wherever it is. */
  readonly serving: readonly Endpoint[];
}

/** The ports of each Service by `namespace/name`. Services that nothing is programmed for are not in it. */
export type Table = ReadonlyMap<string, readonly ServicePort[]>;

/** What makes a port of a table: `namespace/name:port/protocol`. */
export function portKey({ name, protocol }: Pick<ServicePort, 'name' | 'protocol'>): string {
  return `${name}/${protocol}`;
}

/** Every port of a table, in the order of the Services' names: the same table gives the same list, whatever came first. */
export function portsOf(table: Table): readonly ServicePort[] {
  return [...table].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, ports]) => ports);
}
