/**
 * scripts/bench dns-service: cluster DNS as pods meet it, two replicas behind the Service `kube-dns`, beside two CoreDNS behind
 * a Service of theirs in the same lab of three nodes. dnsperf asks from a pod's network; rounds alternated. Needs root.
 *
 *   PODWIRE_BENCH_COREDNS=/path/coredns
 *   PODWIRE_BENCH_LAB, PODWIRE_BENCH_UP (bench/contenders.ts): with "--dns node-local" the node's own is asked as well
 *   PODWIRE_BENCH_ROUNDS=5   PODWIRE_BENCH_SECONDS=5
 */
import { execa } from 'execa';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { command, ours } from './contenders.ts';
import { askerPod, coreDnsObjects, namedServices } from './dns-peers.ts';
import { answerTimes, mostAnswers } from './dnsperf.ts';
import { table, type Round } from './figures.ts';

const { env } = process;
const names = 200;
const evenLoad = 2_000;
const roundsWanted = Number(env['PODWIRE_BENCH_ROUNDS'] ?? 5);
const seconds = Number(env['PODWIRE_BENCH_SECONDS'] ?? 5);
const peer = env['PODWIRE_BENCH_COREDNS'];
const asking = 'node3';
const folder = mkdtempSync(join(tmpdir(), 'bench-dns-'));
const [podwire = '', , , lab = ''] = ours.up;

async function kubectl(argv: readonly string[], input?: string): Promise<string> {
  const all = ['kubectl', '--name', lab, ...argv];
  const { stdout } = await execa(podwire, all, input === undefined ? { stdin: 'ignore' } : { input });
  return stdout;
}

const create = (items: readonly object[]): Promise<string> =>
  kubectl(['create', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));

const clusterIPOf = (name: string): Promise<string> =>
  kubectl(['-n', 'kube-system', 'get', 'service', name, '-o', 'jsonpath={.spec.clusterIP}']);

/** A command that runs another one in the network of the pod that asks. */
async function underAsker(): Promise<string[]> {
  const ip = await kubectl(['get', 'pod', 'asker', '-o', 'jsonpath={.status.podIP}']);
  const on = [podwire, 'node', '--name', lab, 'exec', asking, '--'];
  const look = `for n in $(ls /run/netns); do ip -n $n -4 -br address | grep -q "${ip}/" && echo $n; done; true`;
  const netns = (await command([...on, 'sh', '-c', look])).trim();
  if (netns === '') throw new Error(`no network namespace of ${asking} has ${ip}`);
  return [...on, 'nsenter', `--net=/run/netns/${netns}`, '--'];
}

/** Whom to ask: by the name of a Service, or by address. */
const servers = {
  podwire: 'kube-dns',
  ...(peer === undefined ? {} : { CoreDNS: 'coredns' }),
  ...(ours.up.includes('node-local') ? { 'podwire, node-local': '169.254.20.10' } : {}),
};

try {
  await command(ours.up);
  await create([
    ...namedServices(names),
    askerPod(asking),
    ...(peer === undefined ? [] : coreDnsObjects(dirname(peer))),
  ]);
  await kubectl(['wait', '--for=condition=Ready', 'pod/asker', '--timeout=60s']);
  for (const deployment of ['podwire-dns', ...(peer === undefined ? [] : ['coredns'])])
    await kubectl(['-n', 'kube-system', 'rollout', 'status', `deployment/${deployment}`, '--timeout=60s']);
  console.log(await kubectl(['-n', 'kube-system', 'get', 'pods', '-o', 'wide']));
  const list = join(folder, 'names');
  writeFileSync(list, Array.from({ length: names }, (_, n) => `service${n}.default.svc.cluster.local A\n`).join(''));
  const under = await underAsker();
  const rounds: Record<string, Round[]> = {};
  for (let round = 0; round < roundsWanted; round += 1)
    for (const [name, service] of Object.entries(servers)) {
      const address = /^[\d.]+$/.test(service) ? service : await clusterIPOf(service);
      const load = { under, address, port: 53, names: list, seconds };
      await mostAnswers({ ...load, seconds: 1 });
      const even = await answerTimes(load, evenLoad);
      const most = await mostAnswers(load);
      (rounds[name] ??= []).push({
        'answers a second': most,
        [`at ${evenLoad} a second, mean µs`]: even.mean,
        'p50 µs': even.p50,
        'p99 µs': even.p99,
      });
      await sleep(500);
    }
  console.log(table(rounds));
  console.log(JSON.stringify({ bench: 'dns-service', rounds }));
} finally {
  rmSync(folder, { recursive: true });
  await command(ours.down);
}
