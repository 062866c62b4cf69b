import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { silentLogger } from '../../api/logger.ts';
import type { Node } from '../../api/types.gen.ts';
import { ipv4 } from '../../kernel/family.ts';
import { createProxyMetrics } from '../metrics/proxy-metrics.ts';
import { createProxyHealth } from './proxy-health.ts';
import { startProxyServers } from './servers.ts';

let now = 1_000_000;
let node: Node | undefined = { metadata: { name: 'node-a' } };
const metrics = createProxyMetrics('nftables', [ipv4]);
const health = createProxyHealth([ipv4], () => now);
const abort = new AbortController();
const logged: string[] = [];
let [metricsPort, healthPort] = [0, 0];

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function untilAnswers(port: number): Promise<void> {
  while (
    await fetch(`http://127.0.0.1:${port}/nothing`).then(
      () => false,
      () => true,
    )
  )
    await new Promise(setImmediate);
}

const start = (metricsAddress: string, healthzAddress: string): void =>
  startProxyServers({
    ...{ metricsAddress, healthzAddress, mode: 'nftables', metrics, health, signal: abort.signal },
    node: () => node,
    logger: { ...silentLogger, error: (message, fields) => void logged.push(`${message} ${JSON.stringify(fields)}`) },
  });

before(async () => {
  [metricsPort, healthPort] = [await freePort(), await freePort()];
  start(`127.0.0.1:${metricsPort}`, `127.0.0.1:${healthPort}`);
  await Promise.all([metricsPort, healthPort].map(untilAnswers));
});
after(() => abort.abort());

const get = (port: number, path: string, method = 'GET'): Promise<Response> =>
  fetch(`http://127.0.0.1:${port}${path}`, { method });
const codes = async (): Promise<number[]> => [
  (await get(healthPort, '/healthz')).status,
  (await get(healthPort, '/livez')).status,
];

test('/metrics is text that Prometheus reads, /proxyMode the mode', async () => {
  health.written(ipv4);
  metrics.of(ipv4).written({ full: true, durationMs: 2, changes: [], triggered: [] });
  const answer = await get(metricsPort, '/metrics');
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
  const text = await answer.text();
  assert.match(text, /^kubeproxy_sync_proxy_rules_duration_seconds_count\{ip_family="IPv4"\} 1$/m);
  assert.match(text, /^# TYPE kubeproxy_sync_proxy_rules_nftables_cleanup_failures_total counter$/m);
  for (const line of text.trim().split('\n'))
    assert.match(line, /^(# (HELP|TYPE) \w+ .+|\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? [-+.\deE]+|.*le="\+Inf".*)$/, line);
  assert.equal(await (await get(metricsPort, '/proxyMode')).text(), 'nftables');
  assert.equal((await get(metricsPort, '/healthz')).status, 200);
});

test('/healthz and /livez: 503 while a change waits for a minute, and counted', async () => {
  assert.deepEqual(await codes(), [200, 200]);
  health.queued();
  now += 59_000;
  assert.deepEqual(await codes(), [200, 200]);
  now += 1_000;
  assert.deepEqual(await codes(), [503, 503]);
  health.written(ipv4);
  assert.deepEqual(await codes(), [200, 200]);
  const body = (await (await get(healthPort, '/livez')).json()) as { healthy: boolean; status: object };
  assert.equal(body.healthy, true);
  assert.deepEqual(Object.keys(body.status), ['IPv4']);
  const text = await (await get(metricsPort, '/metrics')).text();
  assert.match(text, /^kubeproxy_proxy_healthz_total\{code="503"\} 1$/m);
  assert.match(text, /^kubeproxy_proxy_livez_total\{code="200"\} 4$/m);
});

test('a node that is taken away gets no new connections of load balancers, and its proxy is alive', async () => {
  node = { metadata: { name: 'node-a', deletionTimestamp: '2026-01-01T00:00:00Z' } };
  assert.deepEqual(await codes(), [503, 200]);
  const body = (await (await get(healthPort, '/healthz')).json()) as { nodeEligible: boolean };
  assert.equal(body.nodeEligible, false);
  node = { metadata: { name: 'node-a' } };
  assert.deepEqual(await codes(), [200, 200]);
});

test('nothing else is told, and nothing can be sent', async () => {
  assert.equal((await get(metricsPort, '/debug/pprof')).status, 404);
  assert.equal((await get(metricsPort, '/constructor')).status, 404);
  assert.equal((await get(healthPort, '/metrics')).status, 404);
  assert.equal((await get(metricsPort, '/metrics', 'POST')).status, 405);
  const head = await get(metricsPort, '/metrics', 'HEAD');
  assert.equal(head.status, 200);
  assert.equal(await head.text(), '');
});

test('a port that is taken is told, and nothing ends', async () => {
  start(`127.0.0.1:${metricsPort}`, '');
  while (logged.length === 0) await new Promise(setImmediate);
  assert.match(logged.join(), /cannot listen .*EADDRINUSE/);
  assert.equal((await get(metricsPort, '/proxyMode')).status, 200);
  assert.throws(() => start('nonsense', ''), /no address to listen on/);
});
