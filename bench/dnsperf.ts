/** dnsperf (Debian's package of that name) as a source of load, and what it says. */
import { command } from './contenders.ts';
import { quantile } from './figures.ts';

export interface Load {
  /** A command that it is run under, to ask from elsewhere. */
  readonly under?: readonly string[];
  readonly address: string;
  readonly port: number;
  /** A file of `NAME TYPE` lines. */
  readonly names: string;
  readonly seconds: number;
}

const clients = ['-c', '20'];

const at = (load: Load): string[] => [
  ...(load.under ?? []),
  'dnsperf',
  '-s',
  load.address,
  '-p',
  `${load.port}`,
  '-d',
  load.names,
  '-l',
  `${load.seconds}`,
];

/** What a run says in its statistics. Throws when that is not there, or when not all was answered well. */
export function answersPerSecond(output: string): number {
  const field = (name: string): number => Number(new RegExp(`${name}:\\s+([\\d.]+)`).exec(output)?.[1] ?? Number.NaN);
  const [sent, lost, rate] = [field('Queries sent'), field('Queries lost'), field('Queries per second')];
  const good = Number(/NOERROR (\d+)/.exec(output)?.[1] ?? 0);
  if (!(rate > 0) || good < 0.99 * (sent - lost) || lost > 0.001 * sent)
    throw new Error(`dnsperf: not all was answered:\n${output}`);
  return rate;
}

/** Microseconds of each answer of a verbose run: `> NOERROR NAME TYPE SECONDS`. */
export function latencies(output: string): number[] {
  return [...output.matchAll(/^> NOERROR \S+ \S+ ([\d.]+)$/gm)].map(([, seconds]) => Math.round(Number(seconds) * 1e6));
}

/** Answers a second when as many are asked as are answered. */
export async function mostAnswers(load: Load): Promise<number> {
  return Math.round(answersPerSecond(await command([...at(load), ...clients, '-q', '200'])));
}

/** Microseconds at an even load. */
export async function answerTimes(load: Load, perSecond: number): Promise<{ p50: number; p99: number; mean: number }> {
  const all = latencies(await command([...at(load), ...clients, '-v', '-Q', `${perSecond}`]));
  const mean = all.reduce((sum, one) => sum + one, 0) / all.length;
  return { p50: quantile(all, 0.5), p99: quantile(all, 0.99), mean };
}
