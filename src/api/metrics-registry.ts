/** Metrics in Prometheus' text format: counters, gauges and histograms, each a family of series by its labels. */
import { uptime } from 'node:process';

export type Labels = Readonly<Record<string, string>>;

interface Family {
  readonly text: () => string;
}

export interface Counter {
  inc(labels?: Labels, by?: number): void;
}

export interface Gauge {
  set(value: number, labels?: Labels): void;
}

export interface Histogram {
  observe(value: number, labels?: Labels): void;
}

export interface Registry {
  counter(name: string, help: string): Counter;
  gauge(name: string, help: string): Gauge;
  /** A gauge that is read when somebody asks; undefined leaves it out. */
  reading(name: string, help: string, read: () => number | undefined): void;
  /** `buckets`: upper ends, growing, without infinity. */
  histogram(name: string, help: string, buckets: readonly number[]): Histogram;
  /** Everything, as `text/plain; version=0.0.4`. */
  text(): string;
}

const escape = (value: string): string => value.replace(/[\\"\n]/g, (one) => (one === '\n' ? '\\n' : `\\${one}`));
const series = (labels: Labels): string =>
  Object.entries(labels)
    .map(([name, value]) => `${name}="${escape(value)}"`)
    .join(',');
const braced = (inner: string): string => (inner === '' ? '' : `{${inner}}`);
const head = (name: string, help: string, type: string): string => `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;

/** One number a series. */
class Values implements Family, Counter, Gauge {
  readonly #values = new Map<string, number>();
  readonly #name: string;
  readonly #head: string;

  constructor(name: string, help: string, type: string) {
    this.#name = name;
    this.#head = head(name, help, type);
  }

  inc(labels: Labels = {}, by = 1): void {
    const key = series(labels);
    this.#values.set(key, (this.#values.get(key) ?? 0) + by);
  }

  set(value: number, labels: Labels = {}): void {
    this.#values.set(series(labels), value);
  }

  readonly text = (): string =>
    this.#head + [...this.#values].map(([key, value]) => `${this.#name}${braced(key)} ${value}\n`).join('');
}

interface Distribution {
  readonly counts: number[];
  sum: number;
  count: number;
}

class Buckets implements Family, Histogram {
  readonly #series = new Map<string, Distribution>();
  readonly #name: string;
  readonly #help: string;
  readonly #ends: readonly number[];

  constructor(name: string, help: string, ends: readonly number[]) {
    this.#name = name;
    this.#help = help;
    this.#ends = ends;
  }

  observe(value: number, labels: Labels = {}): void {
    const key = series(labels);
    const found = this.#series.get(key) ?? { counts: this.#ends.map(() => 0), sum: 0, count: 0 };
    this.#series.set(key, found);
    found.sum += value;
    found.count += 1;
    const bucket = this.#ends.findIndex((end) => value <= end);
    if (bucket >= 0) found.counts[bucket] = (found.counts[bucket] ?? 0) + 1;
  }

  readonly text = (): string => {
    const lines = [...this.#series].flatMap(([key, { counts, sum, count }]) => {
      let below = 0;
      const prefix = key === '' ? '' : `${key},`;
      const rows = this.#ends.map((end, index) => {
        below += counts[index] ?? 0;
        return `${this.#name}_bucket{${prefix}le="${end}"} ${below}\n`;
      });
      const total = `${this.#name}_bucket{${prefix}le="+Inf"} ${count}\n`;
      return [
        ...rows,
        total,
        `${this.#name}_sum${braced(key)} ${sum}\n`,
        `${this.#name}_count${braced(key)} ${count}\n`,
      ];
    });
    return head(this.#name, this.#help, 'histogram') + lines.join('');
  };
}

/** Holds no more than the series that were named: callers must not make labels of what comes from outside. */
export function createRegistry(): Registry {
  const families: Family[] = [];
  const added = <T extends Family>(family: T): T => {
    families.push(family);
    return family;
  };
  return {
    counter: (name, help) => added(new Values(name, help, 'counter')),
    gauge: (name, help) => added(new Values(name, help, 'gauge')),
    reading: (name, help, read) => {
      families.push({
        text: () => {
          const value = read();
          return value === undefined ? '' : `${head(name, help, 'gauge')}${name} ${value}\n`;
        },
      });
    },
    histogram: (name, help, buckets) => added(new Buckets(name, help, buckets)),
    text: () => families.map((family) => family.text()).join(''),
  };
}

/** What every Prometheus client tells of its own process. */
export function addProcess(registry: Registry): void {
  const started = Date.now() / 1000 - uptime();
  registry.reading(
    'process_start_time_seconds',
    'Start time of the process since unix epoch in seconds.',
    () => started,
  );
  registry.reading('process_cpu_seconds_total', 'Total user and system CPU time spent in seconds.', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  registry.reading('process_resident_memory_bytes', 'Resident memory size in bytes.', () => process.memoryUsage.rss());
}
