/** Counters and histograms as Prometheus reads them. */

export type Labels = Readonly<Record<string, string>>;

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

export const sample = (name: string, labels: Labels, value: number): string => `${name}${labelText(labels)} ${value}`;

/** A metric with its samples; without any it is not told. */
export function metric(
  name: string,
  kind: 'counter' | 'gauge' | 'histogram',
  help: string,
  samples: readonly string[],
): string {
  if (samples.length === 0) return '';
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`, ...samples, ''].join('\n');
}

export class Histogram {
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let index = 0;
    while (index < bounds.length && value > (bounds[index] as number)) index += 1;
    this.#counts[index] = (this.#counts[index] as number) + 1;
    this.#sum += value;
  }

  samples(name: string, labels: Labels): string[] {
    let total = 0;
    const buckets = this.#counts.map((count, index) => {
      total += count;
      return sample(`${name}_bucket`, { ...labels, le: String(this.#bounds[index] ?? '+Inf') }, total);
    });
    return [...buckets, sample(`${name}_sum`, labels, this.#sum), sample(`${name}_count`, labels, total)];
  }
}

/** Numbers by a few labels; the caller makes one number of them, since it counts for each query. */
export class Counts {
  readonly #counts = new Map<number, { readonly labels: Labels; value: number }>();

  add(key: number, labels: () => Labels): void {
    const known = this.#counts.get(key);
    if (known === undefined) this.#counts.set(key, { labels: labels(), value: 1 });
    else known.value += 1;
  }

  samples(name: string, common: Labels): string[] {
    return [...this.#counts.values()].map(({ labels, value }) => sample(name, { ...common, ...labels }, value));
  }
}
