/**
 * Who is measured: podwire from this checkout, and a stock peer that the caller describes in a JSON file named by the
 * environment variable PODWIRE_PEER:
 *
 *   { "name": "stock", "kubeconfig": "…", "image": "…", "up": ["…"], "down": ["…"],
 *     "enter": ["nsenter", "--net=…"],   a command under which the peer's API server can be reached
 *     "upTimes": ["…"],                  prints {"ready": SECONDS, "firstPod": SECONDS} of the last `up`
 *     "cgroup": "/stock/" }              a part of /proc/PID/cgroup that its processes, and only they, carry
 */
import { execa } from 'execa';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Contender {
  readonly name: string;
  readonly kubeconfig: string;
  readonly image: string;
  readonly up: readonly string[];
  readonly down: readonly string[];
  readonly enter?: readonly string[];
  readonly upTimes?: readonly string[];
  readonly cgroup: string;
}

const ROOT = join(import.meta.dirname, '..');
const podwire = join(ROOT, 'scripts/podwire');

/** PODWIRE_BENCH_LAB names a lab of its own, PODWIRE_BENCH_UP adds words to its `up` (other ranges, say). */
const lab = process.env['PODWIRE_BENCH_LAB'] ?? 'podwire';
const upWords = (process.env['PODWIRE_BENCH_UP'] ?? '').split(' ').filter((word) => word !== '');

export const ours: Contender = {
  name: 'podwire',
  kubeconfig: `/var/lib/podwire/labs/${lab}/kubeconfig`,
  image: process.env['PODWIRE_BENCH_IMAGE'] ?? 'busybox',
  up: [podwire, 'up', '--name', lab, ...upWords],
  down: [podwire, 'down', '--name', lab],
  cgroup: `/podwire/${lab}/`,
};

/** Ours first, then the peer when one is described. */
export function contenders(): readonly Contender[] {
  const path = process.env['PODWIRE_PEER'];
  if (path === undefined) {
    console.error('No peer: set PODWIRE_PEER to a JSON file (see bench/contenders.ts). Measuring podwire alone.');
    return [ours];
  }
  return [ours, JSON.parse(readFileSync(path, 'utf8')) as Contender];
}

/** Runs a command to its end and gives its output; a failure shows what it printed. */
export async function command(argv: readonly string[], timeoutMs = 600_000): Promise<string> {
  const [program = 'false', ...args] = argv;
  const { stdout } = await execa(program, args, { stdin: 'ignore', stderr: 'inherit', timeout: timeoutMs });
  return stdout;
}
