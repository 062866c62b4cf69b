import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { silentLogger } from '../../api/logger.ts';
import type { Container } from '../../api/types.gen.ts';
import { createPodEvents } from '../pods/pod-events.ts';
import { pod } from '../testing/node-on-fakes.ts';
import { createFakeRuntime } from '../testing/fake-runtime.ts';
import { runPostStart } from './hooks.ts';

const asked: string[] = [];
const told: string[] = [];
let server: Server;

before(async () => {
  server = createServer((request, response) => {
    asked.push(`${request.url} ${String(request.headers['x-who'])}`);
    response.writeHead(500).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});

after(() => server.close());

const events = createPodEvents({ event: (_, type, reason, message) => void told.push(`${type} ${reason} ${message}`) });
const deps = { runtime: createFakeRuntime(), events, logger: silentLogger };

function run(port: string, ports: Container['ports']): Promise<boolean> {
  const httpHeaders = [{ name: 'X-Who', value: 'web' }];
  const container: Partial<Container> = {
    ...(ports && { ports }),
    lifecycle: { postStart: { httpGet: { port, path: 'begun?x=1', httpHeaders } } },
  };
  const web = pod('web', {}, container);
  const [spec] = web.spec?.containers ?? [];
  assert.ok(spec);
  return runPostStart(deps, web, { id: 'container1', spec, podIP: '127.0.0.1' });
}

test("a hook asks the pod's address at a port by name, and takes every answer", async () => {
  const { port } = server.address() as AddressInfo;
  assert.equal(await run('http', [{ name: 'http', containerPort: port }]), true);
  assert.deepEqual(asked, ['/begun?x=1 web']);
  assert.deepEqual(told, []);
});

test('a hook that nobody answers has failed', async () => {
  assert.equal(await run('1', undefined), false);
  assert.equal(await run('metrics', undefined), false);
  assert.equal(told.length, 2);
  assert.match(
    told[0] ?? '',
    /^Warning FailedPostStartHook PostStartHook failed: Get "http:\/\/127\.0\.0\.1:1\/begun\?x=1": /,
  );
  assert.equal(told[1], 'Warning FailedPostStartHook PostStartHook failed: the container has no port metrics');
});
