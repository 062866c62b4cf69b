/** What was written for each Service, and from it what a change means for the kernel. Pure: it keeps, it does not write. */
import type { Cidr } from '../../api/addresses.ts';
import type { Family } from '../../kernel/family.ts';
import type { NftTable } from '../../kernel/nft-listing.ts';
import type { ServicePort, Table } from '../model/service-port.ts';
import type { ServiceChange } from '../model/table-keeper.ts';
import { objectsOf, type Placed, type PortObjects } from './elements.ts';
import { createClaims, frontsOf } from './fronts.ts';
import { place } from './placement.ts';
import { createOrderReader, type ObservedOrder } from './observed-order.ts';

/** Objects of some ports as they were and as they shall be. */
export interface Difference {
  readonly before: readonly PortObjects[];
  readonly after: readonly PortObjects[];
}

export interface LedgerOptions {
  readonly family: Family;
  readonly clusterCIDR: Cidr | undefined;
}

export interface Ledger {
  /** Begins anew with this table, taking over the numbers that endpoints have in the kernel. */
  rebuild(table: Table, observed: NftTable | undefined): void;
  /** Takes changes over, and tells what they mean. */
  change(changes: readonly ServiceChange[]): Difference;
  /** Of everything, one port after the other. */
  objects(): Iterable<PortObjects>;
}

const portId = ({ name, protocol }: ServicePort): string => `${name}/${protocol}`;

export function createLedger(options: LedgerOptions): Ledger {
  let services = new Map<string, readonly Placed[]>();
  let claims = createClaims();

  const placePort = (port: ServicePort, order: ObservedOrder): Placed => {
    const fronts = frontsOf(port).filter((front) => claims.owns(port, front));
    // Rules of a port with affinity are written whole: they stand in the order of the table.
    if (port.affinitySeconds !== undefined) return { port, all: port.endpoints, local: port.localEndpoints, fronts };
    return { port, all: place(order.all, port.endpoints), local: place(order.local, port.localEndpoints), fronts };
  };
  const nowhere: ObservedOrder = { all: [], local: [] };
  const write = (key: string, ports: readonly ServicePort[]): Difference => {
    const before = services.get(key) ?? [];
    const known = new Map(before.map((placed) => [portId(placed.port), placed]));
    const after = ports.map((port) => placePort(port, known.get(portId(port)) ?? nowhere));
    if (after.length === 0) services.delete(key);
    else services.set(key, after);
    const objects = (placed: readonly Placed[]): PortObjects[] => placed.map((one) => objectsOf(one, options));
    return { before: objects(before), after: objects(after) };
  };
  return {
    rebuild: (table, observed) => {
      services = new Map();
      claims = createClaims();
      const orderOf = observed === undefined ? () => nowhere : createOrderReader(observed);
      for (const ports of table.values()) claims.replace([], ports);
      for (const [key, ports] of table)
        services.set(
          key,
          ports.map((port) => placePort(port, orderOf(port))),
        );
    },
    change: (changes) => {
      const others = new Set<string>();
      for (const { before, after } of changes) for (const key of claims.replace(before, after)) others.add(key);
      for (const { key } of changes) others.delete(key);
      const differences = [
        ...changes.map(({ key, after }) => write(key, after)),
        ...[...others].map((key) =>
          write(
            key,
            (services.get(key) ?? []).map(({ port }) => port),
          ),
        ),
      ];
      return {
        before: differences.flatMap(({ before }) => before),
        after: differences.flatMap(({ after }) => after),
      };
    },
    objects: function* () {
      for (const ports of services.values()) for (const placed of ports) yield objectsOf(placed, options);
    },
  };
}
