/** DNS over a cluster that comes and goes. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { existsSync } from 'node:fs';
import { Resolver } from 'node:dns/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { ApiClient } from '../api/client.ts';
import { silentLogger } from '../api/logger.ts';
import { endpointSlices, namespaces, services as serviceType } from '../api/resources.ts';
import { createInformerFactory } from '../api/shared-informers.ts';
import { FakeCluster } from '../../test/fake-cluster/index.ts';
import { eventually } from '../../test/fake-cluster/eventually.ts';
import { startDns } from './index.ts';
import { services, slices } from './testing/cluster.ts';

/** A client of a server that is not there. */
const nobody = new Proxy({} as ApiClient, {
  get: () => () => Promise.reject(new Error('connect ECONNREFUSED')),
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}

async function dnsOver(
  t: TestContext,
  client: ApiClient,
  snapshot: string,
): Promise<{ resolver: Resolver; isReady: () => Promise<boolean>; end: () => Promise<void> }> {
  const stop = new AbortController();
  const [port, healthPort] = [await freePort(), await freePort()];
  const dns = await startDns({
    informers: createInformerFactory(client, { logger: silentLogger, signal: stop.signal }),
    zone: 'cluster.local',
    host: '127.0.0.1',
    port,
    healthPort,
    ttl: 5,
    autopath: false,
    reverseCIDRs: [],
    snapshot,
    servers: [],
    stubDomains: new Map(),
    logger: silentLogger,
  });
  let ended = false;
  const end = async (): Promise<void> => {
    if (ended) return;
    ended = true;
    stop.abort();
    await dns.close();
  };
  t.after(end);
  const resolver = new Resolver({ timeout: 5000, tries: 1 });
  resolver.setServers([`127.0.0.1:${port}`]);
  return { resolver, end, isReady: async () => (await fetch(`http://127.0.0.1:${healthPort}/ready`)).ok };
}

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'answered',
    (error: NodeJS.ErrnoException) => error.code ?? 'failed',
  );

test('a restart without API server: what was known is answered, what was not is a failure', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'dns-restart-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const snapshot = join(folder, 'cluster');
  const cluster = new FakeCluster();
  await cluster.create(namespaces, { metadata: { name: 'shop' } });
  for (const object of services) await cluster.create(serviceType, structuredClone(object));
  for (const object of slices) await cluster.create(endpointSlices, structuredClone(object));

  const first = await dnsOver(t, cluster, snapshot);
  await eventually(() => assert.ok(existsSync(snapshot)), 50_000);
  assert.deepEqual(await first.resolver.resolve4('web.shop.svc.cluster.local'), ['10.46.0.9']);
  assert.equal(await codeOf(first.resolver.resolve4('nobody.shop.svc.cluster.local')), 'ENOTFOUND');
  await first.end();

  const second = await dnsOver(t, nobody, snapshot);
  assert.ok(await second.isReady());
  assert.deepEqual(await second.resolver.resolve4('web.shop.svc.cluster.local'), ['10.46.0.9']);
  assert.deepEqual(await second.resolver.resolve4('db-0.db.shop.svc.cluster.local'), ['10.45.1.3']);
  assert.deepEqual(await second.resolver.reverse('10.46.0.9'), ['web.shop.svc.cluster.local']);
  assert.equal(await codeOf(second.resolver.resolve4('nobody.shop.svc.cluster.local')), 'ESERVFAIL');

  const without = await dnsOver(t, nobody, join(folder, 'none'));
  assert.equal(await without.isReady(), false);
  assert.equal(await codeOf(without.resolver.resolve4('web.shop.svc.cluster.local')), 'ESERVFAIL');
});

test('a change is heard by the next question, whatever was remembered', async (t) => {
  const cluster = new FakeCluster();
  await cluster.create(namespaces, { metadata: { name: 'shop' } });
  const { resolver, isReady } = await dnsOver(t, cluster, join(tmpdir(), 'dns-no-such-folder/cluster'));
  for (const name of ['web', 'db'])
    await cluster.create(serviceType, structuredClone(services[name === 'web' ? 0 : 1]!));
  const slice = structuredClone(slices[1]!);
  await cluster.create(endpointSlices, slice);
  const ask = (): Promise<string[]> => resolver.resolve4('db.shop.svc.cluster.local').catch(() => []);
  for (const end = Date.now() + 20_000; Date.now() < end && !((await isReady()) && (await ask()).length === 2););
  assert.deepEqual((await ask()).sort(), ['10.45.1.3', '10.45.2.4']);
  const known = await cluster.get(endpointSlices, { namespace: 'shop', name: 'db-1' });
  await cluster.update(endpointSlices, { ...known, endpoints: [{ addresses: ['10.45.3.3'] }] });
  for (const end = Date.now() + 20_000; Date.now() < end && (await ask()).length !== 1;);
  assert.deepEqual(await ask(), ['10.45.3.3']);
  await cluster.delete(serviceType, { namespace: 'shop', name: 'db' });
  const code = (): Promise<string> => codeOf(resolver.resolve4('db.shop.svc.cluster.local'));
  for (const end = Date.now() + 20_000; Date.now() < end && (await code()) === 'answered';);
  assert.equal(await code(), 'ENOTFOUND');
});
