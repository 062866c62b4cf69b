/**
 * scripts/bench dns: cluster DNS beside CoreDNS, over one zone in one API server, rounds alternated. Each is one process on
 * loopback; dnsperf (Debian's) asks. The stock peer is a binary that the caller names:
 *
 *   PODWIRE_BENCH_COREDNS=/path/coredns
 *   PODWIRE_BENCH_SERVICES=10000   PODWIRE_BENCH_ROUNDS=3   PODWIRE_BENCH_SECONDS=5
 *   PODWIRE_BENCH_REALTIME=1   servers and askers go before all other work of the machine (chrt -f), which stands still meanwhile: what
 *                              is left is what they cost themselves, and not who waited longer for a core
 */
import { execa } from 'execa';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeZone, type BenchZone } from './dns-zone.ts';
import { answerTimes, mostAnswers } from './dnsperf.ts';
import { table, type Round } from './figures.ts';

const { env } = process;
const services = Number(env['PODWIRE_BENCH_SERVICES'] ?? 10_000);
const roundsWanted = Number(env['PODWIRE_BENCH_ROUNDS'] ?? 3);
const seconds = Number(env['PODWIRE_BENCH_SECONDS'] ?? 5);
const evenLoad = 2_000;
const ahead = env['PODWIRE_BENCH_REALTIME'] === undefined ? [] : ['chrt', '-f', '10'];
const root = join(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'bench-dns-'));

interface Server {
  readonly name: string;
  readonly port: number;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** The settings of every stock cluster, a cache of 30 s and all. */
const corefile = (port: number, kubeconfig: string): string => `.:${port} {
    bind 127.0.0.1
    errors
    ready 127.0.0.1:${port + 1}
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        kubeconfig ${kubeconfig}
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }
    prometheus 127.0.0.1:${port + 2}
    cache 30
    loadbalance
}
`;

async function serversFor({ kubeconfig }: BenchZone): Promise<readonly Server[]> {
  const { stdout: bundle } = await execa(process.execPath, [join(root, 'scripts/bundle.ts')]);
  const ports = ['--bind-address=127.0.0.1', '--port=5300', '--health-port=5301'];
  const ours: Server = {
    name: 'podwire',
    port: 5300,
    argv: [process.execPath, bundle.trim(), 'dns', `--kubeconfig=${kubeconfig}`, ...ports, '--ttl=30'],
    // As in its Deployment.
    env: { NODE_OPTIONS: '--max-semi-space-size=4' },
  };
  const peer = env['PODWIRE_BENCH_COREDNS'];
  if (peer === undefined) {
    console.error('No peer: set PODWIRE_BENCH_COREDNS to a coredns binary. Measuring podwire alone.');
    return [ours];
  }
  const path = join(folder, 'Corefile');
  writeFileSync(path, corefile(5310, kubeconfig));
  return [ours, { name: 'CoreDNS', port: 5310, argv: [peer, '-conf', path], env: {} }];
}

async function untilReady({ port }: Server): Promise<void> {
  const isReady = (): Promise<boolean> =>
    fetch(`http://127.0.0.1:${port + 1}/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  for (let tries = 0; tries < 600; tries += 1, await sleep(100)) if (await isReady()) return;
  throw new Error(`nothing is ready at port ${port}`);
}

const memoryOf = (pid: number): number =>
  Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]) / 1024;

async function measure(server: Server, zone: BenchZone): Promise<Round> {
  const [program = '', ...args] = [...ahead, ...server.argv];
  await using child = Object.assign(execa(program, args, { stdio: 'ignore', reject: false, env: server.env }), {
    async [Symbol.asyncDispose]() {
      child.kill();
      await child;
    },
  });
  await untilReady(server);
  const idle = memoryOf(child.pid ?? 0);
  const on = (names: string) => ({ under: ahead, address: '127.0.0.1', port: server.port, names, seconds });
  await mostAnswers({ ...on(zone.allNames), seconds: 2 });
  const even = await answerTimes(on(zone.fewNames), evenLoad);
  const evenAll = await answerTimes(on(zone.allNames), evenLoad);
  return {
    'answers a second, 200 names': await mostAnswers(on(zone.fewNames)),
    [`answers a second, ${services} names`]: await mostAnswers(on(zone.allNames)),
    [`200 names at ${evenLoad} a second, mean µs`]: even.mean,
    'p50 µs': even.p50,
    'p99 µs': even.p99,
    [`${services} names at ${evenLoad} a second, p50 µs `]: evenAll.p50,
    'p99 µs ': evenAll.p99,
    [`memory with ${services} Services, idle, PSS MiB`]: idle,
    'after the load': memoryOf(child.pid ?? 0),
  };
}

const rounds: Record<string, Round[]> = {};
try {
  await using zone = await makeZone(folder, services);
  const servers = await serversFor(zone);
  for (let round = 0; round < roundsWanted; round += 1)
    for (const server of servers) (rounds[server.name] ??= []).push(await measure(server, zone));
} finally {
  rmSync(folder, { recursive: true });
}
console.log(table(rounds));
console.log(JSON.stringify({ bench: 'dns', services, rounds }));
