/** What the harness of `bench/proxy.ts` measured, as one table: a row a contender and size. */

interface Spread {
  readonly p50: number;
  readonly p95: number;
}

/** One phase of one contender; a phase that failed carries `error`. */
export interface Measured {
  readonly contender: string;
  readonly N: number;
  readonly E: number;
  readonly phase: string;
  readonly error?: string;
  readonly cold_ms?: number;
  readonly cpu_user_s?: number;
  readonly cpu_sys_s?: number;
  readonly sweep?: { readonly ok: number; readonly wrong: number; readonly failed: number };
  readonly change?: Spread;
  readonly api?: Spread;
  readonly cpu_per_100?: number;
  readonly create?: Spread;
  readonly delete?: Spread;
  readonly stale?: Spread;
  readonly churn_cpu_s?: number;
  readonly rss_mb?: number;
  readonly bare?: Spread;
  readonly direct?: { readonly connect: Spread };
  readonly first?: { readonly connect: Spread };
  readonly middle?: { readonly connect: Spread };
  readonly last?: { readonly connect: Spread };
}

const columns: readonly (readonly [string, (phases: ReadonlyMap<string, Measured>) => string])[] = [
  ['cold, ms', (of) => shown(of.get('cold')?.cold_ms)],
  ['cold, CPU s', (of) => shown(sum(of.get('cold')?.cpu_user_s, of.get('cold')?.cpu_sys_s))],
  ['change p50 / p95, ms', (of) => spread(of.get('change')?.change)],
  ['of it the API, ms', (of) => shown(of.get('change')?.api?.p50)],
  ['CPU s / 100 changes', (of) => shown(of.get('change')?.cpu_per_100)],
  [
    'create / delete p50, ms',
    (of) => `${shown(of.get('create')?.create?.p50)} / ${shown(of.get('create')?.delete?.p50)}`,
  ],
  ['churn staleness p50 / p95, ms', (of) => spread(of.get('churn')?.stale)],
  ['churn, CPU s', (of) => shown(of.get('churn')?.churn_cpu_s)],
  ['connect bare, direct, first, middle, last, µs', (of) => connects(of.get('latency'))],
  ['peak MB', (of) => shown(Math.max(...[...of.values()].map(({ rss_mb: mb }) => mb ?? 0)))],
];

function shown(value: number | undefined): string {
  return value === undefined || !Number.isFinite(value) || value === 0 ? '–' : String(Math.round(value * 100) / 100);
}

function sum(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a + b;
}

function spread(value: Spread | undefined): string {
  return `${shown(value?.p50)} / ${shown(value?.p95)}`;
}

function connects(latency: Measured | undefined): string {
  const { bare, direct, first, middle, last } = latency ?? {};
  return [bare, direct?.connect, first?.connect, middle?.connect, last?.connect]
    .map((one) => shown(one?.p50))
    .join(', ');
}

/** Rows in the order that they were measured in. The last measurement of a phase counts; a dash is what was not measured. */
export function proxyTable(rows: readonly Measured[]): string {
  const groups = Map.groupBy(rows, ({ contender, N, E }) => `${N} × ${E} | ${contender}`);
  const head = ['Services × endpoints', 'proxy', ...columns.map(([name]) => name)];
  const lines = [...groups].map(([key, own]) => {
    const phases = new Map(own.map((row) => [row.phase, row]));
    return `| ${[key, ...columns.map(([, cell]) => cell(phases))].join(' | ')} |`;
  });
  return [`| ${head.join(' | ')} |`, `| ${head.map(() => '---').join(' | ')} |`, ...lines].join('\n');
}
