/** Services of the cases and their EndpointSlices, in both families from one description. */
import { nthAddress, parseCIDR } from '../../src/api/addresses.ts';
import type { EndpointSlice, Service } from '../../src/api/types.gen.ts';
import type { Transport } from './packet-case.ts';
import {
  addressesOf,
  familyNames,
  gatewaysOf,
  isPod,
  nodeOf,
  serverPorts,
  virtualRanges,
  type FamilyName,
  type NodeName,
  type Party,
} from './world.ts';

type Spec = NonNullable<Service['spec']>;

/** An endpoint; alone its name means that it is ready. */
export interface EndpointSpec {
  readonly party: Party;
  readonly ready?: boolean | undefined;
  readonly serving?: boolean;
  readonly terminating?: boolean;
  readonly forZones?: readonly string[];
  readonly forNodes?: readonly string[];
}
export type Endpoints = readonly (Party | EndpointSpec)[];

export interface PortSpec {
  readonly name?: string;
  readonly port: number;
  readonly protocol?: 'TCP' | 'UDP' | 'SCTP';
  /** Where the endpoints answer; left out: the port of the protocol. */
  readonly target?: number;
  /** Other endpoints than the Service's. */
  readonly endpoints?: Endpoints;
}

export interface ServiceSpec {
  readonly ports?: readonly PortSpec[];
  readonly endpoints?: Endpoints;
  readonly type?: 'ClusterIP' | 'NodePort' | 'LoadBalancer';
  /** Has an external IP. */
  readonly external?: true;
  /** How a load balancer sends packets to its address on. */
  readonly ipMode?: 'VIP' | 'Proxy';
  readonly families?: readonly FamilyName[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly spec?: Partial<Spec>;
}

/** Where a question goes. */
export interface Target {
  readonly address: (family: FamilyName) => string;
  readonly ports: readonly number[];
  readonly protocol: Transport;
  /** The node that a packet there comes to; undefined: the sender's, or the way of a host. */
  readonly node: NodeName | undefined;
  /** Straight to somebody, through no Service. */
  readonly isDirect: boolean;
}

const virtual =
  (kind: keyof typeof virtualRanges, n: number) =>
  (family: FamilyName): string =>
    nthAddress(parseCIDR(virtualRanges[kind][family]), n);

/** Where a node port is asked for on a node. */
export type NodeAddress = NodeName | 'bridge of node-a' | 'bridge of node-b' | 'loopback';

function nodeAddress(at: NodeAddress, family: FamilyName): string {
  if (at === 'loopback') return family === 'ipv4' ? '127.0.0.1' : '::1';
  if (at === 'bridge of node-a') return gatewaysOf['node-a'][family];
  if (at === 'bridge of node-b') return gatewaysOf['node-b'][family];
  return addressesOf[at][family];
}

const nodeAt = (at: NodeAddress): NodeName | undefined =>
  at === 'loopback' ? undefined : at.endsWith('node-b') ? 'node-b' : 'node-a';

const transportOf = ({ protocol }: PortSpec): Transport => (protocol ?? 'TCP').toLowerCase() as Transport;

/** A Service with the ways to reach it. The first port is meant unless told. */
export class CaseService {
  readonly name: string;
  readonly #n: number;
  readonly #spec: ServiceSpec;

  constructor(name: string, n: number, spec: ServiceSpec) {
    this.name = name;
    this.#n = n;
    this.#spec = spec;
  }

  get #ports(): readonly PortSpec[] {
    return this.#spec.ports ?? [{ port: 80 }];
  }

  get #families(): readonly FamilyName[] {
    return this.#spec.families ?? familyNames;
  }

  #port(name: string | undefined): PortSpec {
    const found = name === undefined ? this.#ports[0] : this.#ports.find((one) => one.name === name);
    if (found === undefined) throw new Error(`Service ${this.name} has no port ${name}`);
    return found;
  }

  #nodePort({ port }: PortSpec): number {
    const distinct = [...new Set(this.#ports.map((one) => one.port))];
    return 30_000 + 300 * distinct.indexOf(port) + this.#n;
  }

  #virtual(kind: keyof typeof virtualRanges, ports: readonly PortSpec[]): Target {
    return {
      address: virtual(kind, this.#n),
      ports: ports.map(({ port }) => port),
      protocol: transportOf(ports[0] ?? { port: 0 }),
      node: undefined,
      isDirect: false,
    };
  }

  cluster(port?: string): Target {
    return this.#virtual('cluster', [this.#port(port)]);
  }

  /** Its cluster IP, on each port. */
  everyPort(): Target {
    return this.#virtual('cluster', this.#ports);
  }

  /** A port of its cluster IP that it has not. */
  otherPort(port: number): Target {
    return this.#virtual('cluster', [{ port }]);
  }

  external(port?: string): Target {
    return this.#virtual('external', [this.#port(port)]);
  }

  loadBalancer(port?: string): Target {
    return this.#virtual('loadBalancer', [this.#port(port)]);
  }

  nodePort(at: NodeAddress, port?: string): Target {
    const spec = this.#port(port);
    return {
      address: (family) => nodeAddress(at, family),
      ports: [this.#nodePort(spec)],
      protocol: transportOf(spec),
      node: nodeAt(at),
      isDirect: false,
    };
  }

  get service(): Service {
    const { type = 'ClusterIP', external, ipMode, labels, spec = {} } = this.#spec;
    const families = this.#families;
    const clusterIPs = families.map(virtual('cluster', this.#n));
    const hasNodePorts = type !== 'ClusterIP' && spec.allocateLoadBalancerNodePorts !== false;
    const ingress = families.map((family) => ({
      ip: virtual('loadBalancer', this.#n)(family),
      ipMode: ipMode ?? 'VIP',
    }));
    return {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace: 'default', name: this.name, ...(labels === undefined ? {} : { labels: { ...labels } }) },
      spec: {
        type,
        clusterIP: clusterIPs[0] ?? '',
        clusterIPs,
        ipFamilies: families.map((family) => (family === 'ipv4' ? 'IPv4' : 'IPv6')),
        ports: this.#ports.map((one) => ({
          ...(one.name === undefined ? {} : { name: one.name }),
          port: one.port,
          protocol: one.protocol ?? 'TCP',
          ...(hasNodePorts ? { nodePort: this.#nodePort(one) } : {}),
        })),
        ...(external === true ? { externalIPs: families.map(virtual('external', this.#n)) } : {}),
        ...spec,
      },
      ...(type === 'LoadBalancer' ? { status: { loadBalancer: { ingress } } } : {}),
    };
  }

  get slices(): readonly EndpointSlice[] {
    return this.slicesWith(this.#spec.endpoints ?? []);
  }

  /** Its slices, had it these endpoints. One slice a port and family. */
  slicesWith(endpoints: Endpoints): readonly EndpointSlice[] {
    return this.#families.flatMap((family) =>
      this.#ports.map((port, index) => this.#slice(family, port, index, port.endpoints ?? endpoints)),
    );
  }

  #slice(family: FamilyName, port: PortSpec, index: number, endpoints: Endpoints): EndpointSlice {
    return {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        namespace: 'default',
        name: `${this.name}-${family}-${index}`,
        labels: { 'kubernetes.io/service-name': this.name },
      },
      addressType: family === 'ipv4' ? 'IPv4' : 'IPv6',
      ports: [
        {
          ...(port.name === undefined ? {} : { name: port.name }),
          protocol: port.protocol ?? 'TCP',
          port: port.target ?? serverPorts[transportOf(port)],
        },
      ],
      endpoints: endpoints.map((one) =>
        endpointOf(typeof one === 'string' ? { party: one, ready: true } : one, family),
      ),
    };
  }
}

type SliceEndpoint = NonNullable<EndpointSlice['endpoints']>[number];

function endpointOf(spec: EndpointSpec, family: FamilyName): SliceEndpoint {
  const { party, forZones = [], forNodes = [], terminating = false } = spec;
  const hints = {
    ...(forZones.length > 0 ? { forZones: forZones.map((name) => ({ name })) } : {}),
    ...(forNodes.length > 0 ? { forNodes: forNodes.map((name) => ({ name })) } : {}),
  };
  const conditions = {
    ...(spec.ready === undefined ? {} : { ready: spec.ready }),
    ...(spec.serving === undefined ? {} : { serving: spec.serving }),
    terminating,
  };
  return {
    addresses: [addressesOf[party][family]],
    nodeName: nodeOf(party),
    conditions,
    ...(Object.keys(hints).length > 0 ? { hints } : {}),
    ...(isPod(party) ? { targetRef: { kind: 'Pod', namespace: 'default', name: party, uid: `uid-${party}` } } : {}),
  };
}

/** Straight to somebody's own address. */
export function directly(party: Party): Target {
  return {
    address: (family) => addressesOf[party][family],
    ports: [serverPorts.tcp],
    protocol: 'tcp',
    node: undefined,
    isDirect: true,
  };
}
