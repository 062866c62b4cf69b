/** The cluster of the cases on paper: a packet goes from its sender through one node or two. */
import {
  addressesOf,
  gatewaysOf,
  isPod,
  nodeAddresses,
  nodeNames,
  nodeOf,
  podNames,
  zonesOf,
  type FamilyName,
  type NodeName,
  type Party,
} from '../../../test/cases/world.ts';
import type { Question, SetUp } from '../../../test/cases/packet-case.ts';
import { clusterCIDR, nodePortAddresses } from '../../../test/cases/set-ups.ts';
import type { EndpointSlice, Service } from '../../api/types.gen.ts';
import { ipv4, ipv6, type Family } from '../../kernel/family.ts';
import { serviceKeyOf } from '../model/service-ports.ts';
import type { Table } from '../model/service-port.ts';
import { tableOf } from '../model/table-keeper.ts';
import { objectSource } from './object-source.ts';
import type { PaperMode, PaperNode, PaperPacket } from './paper-mode.ts';

/** Where a packet ended, and the cluster after it. */
export interface Arrival {
  readonly probability: number;
  readonly verdict: 'delivered' | 'refused' | 'dropped';
  readonly destination: string;
  readonly destinationPort: number;
  /** Whose address is seen there. */
  readonly source: Party | undefined;
  readonly path: readonly string[];
  readonly then: PaperCluster;
}

type Nodes = Readonly<Record<NodeName, PaperNode>>;
export interface Objects {
  readonly services: readonly Service[];
  readonly slices: readonly EndpointSlice[];
}

function tableFor(node: NodeName, family: Family, { services, slices }: Objects): Table {
  return tableOf(objectSource(services, slices, { nodeName: node, zone: zonesOf[node] }), family);
}

export class PaperCluster {
  readonly #family: Family;
  readonly #objects: Objects;
  readonly #nodes: Nodes;

  private constructor(family: Family, objects: Objects, nodes: Nodes) {
    this.#family = family;
    this.#objects = objects;
    this.#nodes = nodes;
  }

  static make(mode: PaperMode, familyName: FamilyName, objects: Objects, setUp: SetUp): PaperCluster {
    const family = familyName === 'ipv4' ? ipv4 : ipv6;
    const make = (node: NodeName): PaperNode =>
      mode({
        family,
        settings: {
          nodeName: node,
          clusterCIDR: clusterCIDR(setUp, familyName),
          nodePortAddresses: nodePortAddresses(setUp, familyName),
        },
        addresses: nodeAddresses(node, familyName),
        table: tableFor(node, family, objects),
      });
    return new PaperCluster(family, objects, { 'node-a': make('node-a'), 'node-b': make('node-b') });
  }

  /** The Service has these slices, of this family, from now on. */
  withSlices(service: string, slices: readonly EndpointSlice[]): PaperCluster {
    const others = this.#objects.slices.filter((one) => serviceKeyOf(one) !== `default/${service}`);
    const objects = { ...this.#objects, slices: [...others, ...slices] };
    const sync = (node: NodeName): PaperNode => this.#nodes[node].sync(tableFor(node, this.#family, objects));
    return new PaperCluster(this.#family, objects, { 'node-a': sync('node-a'), 'node-b': sync('node-b') });
  }

  /** Every way a question on one port may go. */
  ask({ from, to, protocol }: Question, port: number, atSeconds: number): readonly Arrival[] {
    const family = this.#family.name;
    // A pod's or a node's packet meets the rules of its own node first, wherever it goes.
    const entry = isInside(from) ? nodeOf(from) : (ownerOf(to, family) ?? nodeOf(from));
    const isLoopback = to === '127.0.0.1' || to === '::1';
    const source = isLoopback ? to : addressesOf[from][family];
    const packet = { source, destination: to, protocol, destinationPort: port, fromNode: from === entry };
    return this.#through(entry, packet, from, atSeconds, 1, []);
  }

  #through(
    node: NodeName,
    packet: PaperPacket,
    sender: Party,
    atSeconds: number,
    chance: number,
    before: readonly string[],
  ): readonly Arrival[] {
    const family = this.#family.name;
    return this.#nodes[node].send(packet, atSeconds).flatMap((way): readonly Arrival[] => {
      const { verdict, destination, destinationPort } = way;
      const then = new PaperCluster(this.#family, this.#objects, { ...this.#nodes, [node]: way.then });
      const source: Party = way.masqueraded ? node : sender;
      const path = [...before, `on ${node}:`, ...way.path];
      const probability = chance * way.probability;
      const next = ownerOf(destination, family);
      if (verdict === 'delivered' && next !== undefined && next !== node && before.length === 0) {
        const onwards = {
          ...packet,
          source: addressesOf[source][family],
          destination,
          destinationPort,
          fromNode: false,
        };
        return then.#through(next, onwards, source, atSeconds, probability, path);
      }
      const isMartian =
        packet.source !== addressesOf[sender][family] && !way.masqueraded && destination !== packet.destination;
      return [
        { probability, verdict, destination, destinationPort, source: isMartian ? undefined : source, path, then },
      ];
    });
  }
}

const isInside = (party: Party): boolean => isPod(party) || party in gatewaysOf;

/** The node that has this address, or whose pod has it. */
function ownerOf(address: string, family: FamilyName): NodeName | undefined {
  const pod = podNames.find((name) => addressesOf[name][family] === address);
  if (pod !== undefined) return nodeOf(pod);
  return nodeNames.find((node) => nodeAddresses(node, family).includes(address));
}
