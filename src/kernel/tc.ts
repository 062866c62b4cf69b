/** Queueing disciplines and filters of links, read through tc(8); written by `runTcBatch` of `ip.ts`. */
import type { Exec } from './exec.ts';

export interface Qdisc {
  readonly device: string;
  /** `tbf`, `clsact`, `noqueue`, … */
  readonly kind: string;
  /** e.g. `78:` */
  readonly handle: string;
  readonly isRoot: boolean;
  /** Bytes a second, of a tbf. */
  readonly rate: number | undefined;
}

/** What is there of all links, and of some of them where their incoming packets are sent. */
export interface TrafficControl {
  readonly qdiscs: readonly Qdisc[];
  /** Links that packets are redirected to by the filters that were asked for; a filter whose target is gone names none. */
  readonly redirects: ReadonlySet<string>;
}

interface RawQdisc {
  kind: string;
  handle?: string;
  dev?: string;
  root?: boolean;
  options?: { rate?: number };
}

interface RawFilter {
  options?: { actions?: { kind?: string; to_dev?: string }[] };
}

function qdiscOf({ kind, handle = '', dev = '', root = false, options }: RawQdisc): Qdisc {
  return { device: dev, kind, handle, isRoot: root, rate: options?.rate };
}

/** One document a line; none for a link that is not there. */
function documentsOf(stdout: string): unknown[][] {
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('['))
    .map((line) => JSON.parse(line) as unknown[]);
}

/** In one spawn. `filtersOf`: links whose filters of incoming packets are read as well; one that is gone has none. */
export async function readTrafficControl(exec: Exec, filtersOf: readonly string[]): Promise<TrafficControl> {
  const lines = ['qdisc show', ...filtersOf.map((device) => `filter show dev ${device} ingress`)];
  const argv = ['tc', '-json', '-force', '-batch', '-'] as const;
  const { stdout } = await exec.run({ argv, stdin: `${lines.join('\n')}\n`, okExitCodes: [0, 1] });
  const [qdiscs = [], ...filters] = documentsOf(stdout) as [RawQdisc[]?, ...RawFilter[][]];
  const targets = filters.flat().flatMap(({ options }) => options?.actions ?? []);
  return {
    qdiscs: qdiscs.map(qdiscOf),
    redirects: new Set(targets.flatMap(({ kind, to_dev: target }) => (kind === 'mirred' && target ? [target] : []))),
  };
}
