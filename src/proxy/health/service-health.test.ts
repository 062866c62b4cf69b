import assert from 'node:assert/strict';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { silentLogger as logger } from '../../api/logger.ts';
import type { EndpointSlice, Service } from '../../api/types.gen.ts';
import { objectSource } from '../testing/object-source.ts';
import { createServiceHealth } from './service-health.ts';

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const service = (name: string, port: number): Service => ({
  metadata: { namespace: 'shop', name },
  spec: { type: 'LoadBalancer', clusterIP: '10.46.0.9', externalTrafficPolicy: 'Local', healthCheckNodePort: port },
});
const slice = (name: string, ready: boolean): EndpointSlice => ({
  metadata: { namespace: 'shop', name: `${name}-1`, labels: { 'kubernetes.io/service-name': name } },
  addressType: 'IPv4',
  endpoints: [{ addresses: ['10.45.1.1'], nodeName: 'node-a', conditions: { ready } }],
});

async function ask(port: number): Promise<{ code: number; weight: string | null; body: unknown } | undefined> {
  try {
    const reply = await fetch(`http://127.0.0.1:${port}/`);
    const weight = reply.headers.get('x-load-balancing-endpoint-weight');
    return { code: reply.status, weight, body: await reply.json() };
  } catch {
    return undefined;
  }
}

async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  for (const end = Date.now() + 5000; !(await condition()); await sleep(10)) assert.ok(Date.now() < end, 'timed out');
}

test('ports come and go with their Services, and what they say changes with the commit', async () => {
  const [first, second] = [await freePort(), await freePort()];
  const services = [service('a', first)];
  const slices = [slice('a', true)];
  let healthy = true;
  const reasons: string[] = [];
  const health = createServiceHealth({
    source: objectSource(services, slices, { nodeName: 'node-a' }),
    isHealthy: () => healthy,
    addresses: ['127.0.0.1/32'],
    events: { event: (_object, _type, reason) => void reasons.push(reason) },
    logger,
  });
  try {
    health.update('all')();
    await until(async () => (await ask(first)) !== undefined);
    const body = { service: { namespace: 'shop', name: 'a' }, localEndpoints: 1, serviceProxyHealthy: true };
    assert.deepEqual(await ask(first), { code: 200, weight: '1', body });

    slices[0] = slice('a', false);
    const written = health.update(new Set(['shop/a']));
    assert.equal((await ask(first))?.code, 200, 'the rules still lead here');
    written();
    assert.deepEqual(await ask(first), { code: 503, weight: '0', body: { ...body, localEndpoints: 0 } });

    slices[0] = slice('a', true);
    health.update(new Set(['shop/a']))();
    healthy = false;
    assert.deepEqual(await ask(first), { code: 503, weight: '1', body: { ...body, serviceProxyHealthy: false } });
    healthy = true;

    // Another port; and its old one goes to another Service in the same commit.
    services[0] = service('a', second);
    services.push(service('b', first));
    health.update(new Set(['shop/a', 'shop/b']))();
    await until(async () => (await ask(second))?.code === 200 && (await ask(first))?.code === 503);
    assert.deepEqual(reasons, []);

    // A port that somebody else has.
    services.push(service('c', second));
    health.update(new Set(['shop/c']))();
    await until(() => reasons.length > 0);
    assert.deepEqual(reasons, ['FailedToStartServiceHealthcheck']);

    services.length = 0;
    health.update('all')();
    await until(async () => (await ask(first)) === undefined && (await ask(second)) === undefined);
  } finally {
    health.close();
  }
});
