/** The nftables mode on paper. */
import { parseCIDR } from '../../api/addresses.ts';
import type { NftTable } from '../../kernel/nft-listing.ts';
import { traceNft } from '../../kernel/nft-trace.ts';
import type { ClientMemory } from '../../kernel/traced-packet.ts';
import type { Table } from '../model/service-port.ts';
import { createLedger } from '../nftables/ledger.ts';
import { wholeTable } from '../nftables/plan-table.ts';
import type { PaperMode, PaperNode, PaperOptions } from './paper-mode.ts';

/** The table that the back end makes of these Services, as it would be read back. */
export function nftTableOf({ family, settings }: PaperOptions, services: Table, observed?: NftTable): NftTable {
  const clusterCIDR = settings.clusterCIDR === undefined ? undefined : parseCIDR(settings.clusterCIDR);
  const ledger = createLedger({ family, clusterCIDR });
  ledger.rebuild(services, observed);
  const options = { family, clusterCIDR, nodePortAddresses: settings.nodePortAddresses };
  const whole = wholeTable(ledger.objects(), observed, options);
  const none: ReadonlyMap<string, string> = new Map();
  return {
    comment: '',
    sets: new Map(
      [...whole.sets].map(([name, { head }]) => [name, { head, elements: whole.elements.get(name) ?? none }]),
    ),
    chains: new Map([...whole.chains].map(([name, { lines }]) => [name, lines])),
  };
}

/** A set of clients lives as long as the table has it. */
const stillThere = (memory: ClientMemory, { sets }: NftTable): ClientMemory =>
  new Map([...memory].filter(([key]) => sets.has(key.slice(0, key.indexOf(' ')))));

function nodeWithTable(options: PaperOptions, table: NftTable, memory: ClientMemory = new Map()): PaperNode {
  return {
    send: (packet, atSeconds) =>
      traceNft({ table, addresses: options.addresses }, packet, memory, atSeconds).map((outcome) => ({
        ...outcome,
        then: nodeWithTable(options, table, outcome.memory),
      })),
    sync: (services) => {
      const next = nftTableOf(options, services, table);
      return nodeWithTable(options, next, stillThere(memory, next));
    },
  };
}

export const paperNftables: PaperMode = (options) => nodeWithTable(options, nftTableOf(options, options.table));
