/** Port-forwards over the real door, with both ways to carry SPDY, to real sockets of loopback. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer, request, type Server as HttpServer } from 'node:http';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { after, before, test } from 'node:test';
import { createWebSocketStream, WebSocket } from 'ws';
import { silentLogger } from '../../api/logger.ts';
import type { Pod } from '../../api/types.gen.ts';
import { createFakeRuntime } from '../testing/fake-runtime.ts';
import { HttpError } from './errors.ts';
import { createPortForwardHandler, type PortForwardHandler } from './port-forward.ts';
import { TestClient, until } from './spdy/testing.ts';

const pod: Pod = {
  metadata: { name: 'web', namespace: 'shop', uid: 'u1' },
  spec: { hostNetwork: true, containers: [] },
};
const protocol = 'SPDY/3.1+portforward.k8s.io';

let door: HttpServer;
let handler: PortForwardHandler;
/** Says its name first, sends everything back, and ends a little after its client has. */
let target: Server;
const targetSockets = new Set<Socket>();
const port = (server: Server | HttpServer): number => (server.address() as AddressInfo).port;

before(async () => {
  target = createServer({ allowHalfOpen: true }, (socket) => {
    targetSockets.add(socket);
    socket.on('error', () => undefined);
    socket.write('hello;');
    socket.on('data', (data) => socket.write(data));
    socket.on('end', () => setTimeout(() => socket.end(';bye'), 20));
  });
  target.listen(0, '127.0.0.1');
  const runtime = createFakeRuntime();
  const identity = { namespace: 'shop', name: 'web', uid: 'u1', attempt: 0 };
  const rest = { hostname: 'web', hostNetwork: true, labels: {}, annotations: {} };
  await runtime.runPodSandbox({ pod: identity, ...rest });
  handler = createPortForwardHandler({ runtime, pods: () => [pod], logger: silentLogger });
  door = createHttpServer();
  door.on('upgrade', (incoming, socket, head) => {
    const [, namespace = '', name = ''] = (incoming.url ?? '').split('/');
    handler.upgrade({ namespace, pod: name }, incoming, socket, head).catch((error: unknown) => {
      socket.end(`HTTP/1.1 ${error instanceof HttpError ? error.code : 500} x\r\nConnection: close\r\n\r\n`);
    });
  });
  door.listen(0, '127.0.0.1');
  await Promise.all([once(target, 'listening'), once(door, 'listening')]);
});

after(() => {
  handler.close();
  door.close();
  door.closeAllConnections();
  target.close();
  for (const socket of targetSockets) socket.destroy();
});

/** Past the library's check of names. */
function upgrade(path: string, offered: string): WebSocket {
  const headers = { 'Sec-WebSocket-Protocol': offered };
  const socket = new WebSocket(`ws://127.0.0.1:${port(door)}${path}`, { headers });
  socket.on('upgrade', (response) => {
    assert.equal(response.headers['sec-websocket-protocol'], protocol);
    delete response.headers['sec-websocket-protocol'];
  });
  return socket;
}

async function webSocket(): Promise<Duplex> {
  const socket = upgrade('/shop/web', protocol);
  await once(socket, 'open');
  return createWebSocketStream(socket);
}

async function spdyUpgrade(): Promise<Duplex> {
  const headers = { connection: 'Upgrade', upgrade: 'SPDY/3.1', 'x-stream-protocol-version': 'portforward.k8s.io' };
  const sent = request({ host: '127.0.0.1', port: port(door), path: '/shop/web', method: 'POST', headers });
  sent.end();
  const [response, socket] = (await once(sent, 'upgrade')) as [{ headers: Record<string, string> }, Duplex];
  assert.equal(response.headers['x-stream-protocol-version'], 'portforward.k8s.io');
  return socket;
}

for (const [way, connect] of [
  ['WebSocket', webSocket],
  ['SPDY upgrade', spdyUpgrade],
] as const) {
  test(`${way}: data both ways; who ends first still hears the other`, async () => {
    const client = new TestClient(await connect());
    const { data, error } = client.forward(port(target), '0');
    await until('what the server says first', () => client.of(data).text === 'hello;');
    client.send(data, 'question');
    client.end(data);
    await until('the end', () => client.of(data).ended && client.of(error).ended);
    assert.equal(client.of(data).text, 'hello;question;bye');
    assert.deepEqual(client.of(error), { text: '', ended: true, reset: false, replied: true });
    client.transport.destroy();
  });
}

test('a port where nobody listens ends its own stream; nothing stands on the error stream, and the session goes on', async () => {
  const client = new TestClient(await webSocket());
  const before = client.forward(port(target), '0');
  await until('the first', () => client.of(before.data).text === 'hello;');
  const dead = client.forward(1, '1');
  await until('the reset', () => client.of(dead.data).reset && client.of(dead.error).ended);
  assert.equal(client.of(dead.error).text, '');
  client.send(before.data, 'still here');
  await until('the first again', () => client.of(before.data).text === 'hello;still here');
  const next = client.forward(port(target), '2');
  await until('another', () => client.of(next.data).text === 'hello;');
  client.transport.destroy();
});

test('a target that breaks off resets its own stream only', async () => {
  const client = new TestClient(await webSocket());
  const other = client.forward(port(target), '0');
  await until('the first', () => client.of(other.data).text === 'hello;');
  targetSockets.clear();
  const { data, error } = client.forward(port(target), '1');
  await until('the second', () => client.of(data).text === 'hello;' && targetSockets.size === 1);
  for (const socket of targetSockets) socket.resetAndDestroy();
  await until('its end', () => client.of(data).reset && client.of(error).ended);
  client.send(other.data, 'x');
  await until('the other', () => client.of(other.data).text === 'hello;x');
  client.transport.destroy();
});

test('a client that resets its stream closes the connection to the target', async () => {
  const client = new TestClient(await webSocket());
  targetSockets.clear();
  const { data, error } = client.forward(port(target), '0');
  await until('the connection', () => client.of(data).text === 'hello;');
  client.reset(data);
  await until('its end', () => [...targetSockets].every(({ destroyed }) => destroyed));
  await until('the end of the pair', () => client.of(error).ended);
  client.transport.destroy();
});

test('a hundred connections at once, and much data', async () => {
  const client = new TestClient(await webSocket());
  const pairs = Array.from({ length: 100 }, (_none, index) => client.forward(port(target), String(index)));
  const block = 'x'.repeat(64 * 1024);
  for (const { data } of pairs) {
    for (let index = 0; index < 4; index += 1) client.send(data, block);
    client.end(data);
  }
  await until('all ends', () => pairs.every(({ data }) => client.of(data).ended), 10_000);
  for (const { data } of pairs)
    assert.equal(client.of(data).text.length, 'hello;'.length + 4 * block.length + ';bye'.length);
  client.transport.destroy();
});

test('the end of the session closes all connections', async () => {
  const client = new TestClient(await webSocket());
  targetSockets.clear();
  const { data } = client.forward(port(target), '0');
  await until('the connection', () => client.of(data).text === 'hello;');
  client.transport.destroy();
  await until('its end', () => [...targetSockets].every(({ destroyed }) => destroyed));
});

test('streams that make no pair are refused', async () => {
  const client = new TestClient(await webSocket());
  const refused = [
    client.open({ streamtype: 'data', port: '0', requestid: '0' }),
    client.open({ streamtype: 'data', port: '65536', requestid: '1' }),
    client.open({ streamtype: 'other', port: '80', requestid: '2' }),
  ];
  await until('all resets', () => refused.every((id) => client.of(id).reset));
  client.transport.destroy();
});

test('another protocol, and a pod that is not here, are refused before anything is taken over', async () => {
  const refusal = async (path: string, offered: string): Promise<string> => {
    const socket = upgrade(path, offered);
    const [error] = (await once(socket, 'error')) as [Error];
    return error.message;
  };
  assert.match(await refusal('/shop/web', 'v5.channel.k8s.io'), /400/);
  assert.match(await refusal('/shop/none', protocol), /404/);
});
