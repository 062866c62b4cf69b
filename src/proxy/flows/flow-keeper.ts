/** Deletes the flows that commits have made stale: after them, in a loop of its own, so that no commit waits for it. */
import { contains, parseCIDR } from '../../api/addresses.ts';
import type { Logger } from '../../api/logger.ts';
import { createCommitLoop } from '../../kernel/commit-loop.ts';
import { deleteFlows, listFlows, type Flow } from '../../kernel/conntrack.ts';
import type { Exec } from '../../kernel/exec.ts';
import type { Family } from '../../kernel/family.ts';
import { readLinks } from '../../kernel/ip.ts';
import type { BackEndSettings } from '../back-end.ts';
import type { ServiceChange } from '../model/table-keeper.ts';
import { FrontendTable, type Affected, type FlowProtocol } from './frontends.ts';
import { staleFlows } from './plan-flows.ts';

export interface FlowKeeper {
  /** Rules with these changes are in the kernel. Never waits, never throws: what fails is tried again. */
  written(changes: readonly ServiceChange[]): void;
  /** Resolves when flows are in line with all that was written so far. */
  settled(): Promise<void>;
}

export interface FlowKeeperOptions {
  readonly exec: Exec;
  readonly family: Family;
  readonly settings: Pick<BackEndSettings, 'clusterCIDR' | 'nodePortAddresses'>;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly onSwept?: (durationMs: number, deleted: number) => void;
}

/** Up to so many frontends are asked for one by one; of more, the whole protocol. */
const fewFrontends = 4;
/** TCP mends itself after a while, and its part of the table is the large one. */
const tcpIntervalMs = 1_000;

/** What is to be looked at: `all` at start, when nobody remembers what was before. */
interface Due {
  readonly affected: ReadonlyMap<string, Affected>;
  readonly all: boolean;
}

const nothing: Due = { affected: new Map(), all: false };

function joined(a: Due, b: Due): Due {
  return { affected: new Map([...a.affected, ...b.affected]), all: a.all || b.all };
}

export function createFlowKeeper(options: FlowKeeperOptions): FlowKeeper {
  const { exec, family, settings, logger, signal, onSwept } = options;
  const frontends = new FrontendTable();
  const due: Record<FlowProtocol, Due> = { udp: nothing, tcp: nothing };
  let started = false;
  let tcpAt = -Infinity;

  const sweep = async (protocol: FlowProtocol, what: Due): Promise<void> => {
    const began = performance.now();
    const [flows, links] = await Promise.all([flowsOf(exec, family, protocol, what), readLinks(exec)]);
    const own = links.flatMap(({ addresses }) => addresses.map(({ address }) => address));
    const filters = staleFlows({
      flows,
      frontends,
      left: new Set(what.affected.keys()),
      atStart: what.all,
      nodeAddresses: new Set(listening(own, settings.nodePortAddresses)),
      clusterCIDR: settings.clusterCIDR,
    });
    let deleted = 0;
    // conntrack(8) reads a list of deletions only from a file (`-R -` opens /dev/stdin, which a socket is not).
    for (const filter of filters) deleted += await deleteFlows(exec, { ...filter, family });
    onSwept?.(performance.now() - began, deleted);
    if (deleted > 0) logger.info('stale flows deleted', { protocol, flows: deleted, first: filters[0] });
  };
  /** What could not be done stays due. */
  const attend = async (protocol: FlowProtocol): Promise<void> => {
    const what = due[protocol];
    if (!what.all && what.affected.size === 0) return;
    due[protocol] = nothing;
    try {
      await sweep(protocol, what);
    } catch (error) {
      due[protocol] = joined(what, due[protocol]);
      throw error;
    }
  };
  const commit = async (): Promise<void> => {
    await attend('udp');
    const waitMs = tcpAt + tcpIntervalMs - performance.now();
    if (waitMs > 0 && due.tcp.affected.size > 0) return void setTimeout(() => loop.request(), waitMs).unref();
    tcpAt = performance.now();
    await attend('tcp');
  };
  const loop = createCommitLoop({ name: `flows ${family.name}`, commit, logger, signal });

  return {
    written: (changes) => {
      const affected = frontends.apply(changes);
      for (const protocol of ['udp', 'tcp'] as const) {
        const mine = affected.filter((one) => one.protocol === protocol).map((one) => [one.key, one] as const);
        due[protocol] = joined(due[protocol], { affected: new Map(mine), all: !started });
      }
      if (affected.length > 0 || !started) loop.request();
      started = true;
    },
    settled: () => loop.settled(),
  };
}

/** Addresses of the node that node ports listen on. */
function listening(addresses: readonly string[], cidrs: readonly string[] | undefined): readonly string[] {
  if (cidrs === undefined) return addresses;
  const ranges = cidrs.map(parseCIDR);
  return addresses.filter((address) => ranges.some((range) => contains(range, address)));
}

/** Flows that may be stale: of UDP all, of TCP those that nobody has answered. */
async function flowsOf(
  exec: Exec,
  family: Family,
  protocol: FlowProtocol,
  { affected, all }: Due,
): Promise<readonly Flow[]> {
  const query = { family, protocol, ...(protocol === 'tcp' ? { state: 'SYN_SENT' as const } : {}) };
  if (all || affected.size > fewFrontends) return listFlows(exec, query);
  const lists = [...affected.values()].map(({ address, port }) =>
    listFlows(exec, {
      ...query,
      originalDestinationPort: port,
      ...(address === undefined ? {} : { originalDestination: address }),
    }),
  );
  return (await Promise.all(lists)).flat();
}
