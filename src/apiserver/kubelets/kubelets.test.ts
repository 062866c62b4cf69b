import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import test from 'node:test';
import { WebSocket } from 'ws';
import { setTimeout as sleep } from 'node:timers/promises';
import { createAuthority } from '../../pki/index.ts';
import { at } from '../testing/client.ts';
import { startFakeKubelet, type FakeKubelet, type FakeKubeletOptions } from '../testing/kubelet.ts';
import { account, accounts, pod, podsPath } from '../testing/objects.ts';
import { startTestServer, type TestServer } from '../testing/server.ts';

const merge = { 'content-type': 'application/merge-patch+json' };

/** A server with node n1 (the fake kubelet) and pod p of two containers on it. */
async function scene(
  options: FakeKubeletOptions,
): Promise<AsyncDisposableStack & { server: TestServer; kubelet: FakeKubelet }> {
  const stack = new AsyncDisposableStack();
  const server = stack.use(await startTestServer());
  const kubelet = stack.use(await startFakeKubelet(server.authority, options));
  const { admin } = server;
  await admin.send('POST', accounts, account);
  await admin.send('POST', '/api/v1/nodes', { metadata: { name: 'n1' } });
  const status = {
    addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: kubelet.port } },
  };
  await admin.send('PATCH', '/api/v1/nodes/n1/status', { status }, merge);
  const containers = ['a', 'b'].map((name) => ({ name, image: 'busybox' }));
  await admin.send('POST', podsPath, pod('p', { containers, nodeName: 'n1' }));
  return Object.assign(stack, { server, kubelet });
}

/** Opens an upgrade as a raw connection; answers the socket and the response's header. */
async function upgrade(
  server: TestServer,
  path: string,
  method = 'GET',
): Promise<{ socket: TLSSocket; header: string }> {
  const { authority, port } = server;
  const pair = await authority.issue({ commonName: 'admin', organizations: ['system:masters'] });
  const socket = connect({ host: '127.0.0.1', port, ca: authority.certPem, cert: pair.certPem, key: pair.keyPem });
  socket.allowHalfOpen = true;
  socket.write(
    `${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      'Sec-WebSocket-Protocol: v5.channel.k8s.io\r\nAuthorization: Bearer secret\r\n\r\n',
  );
  let header = '';
  while (!header.includes('\r\n\r\n')) {
    await once(socket, 'readable');
    const byte = socket.read(1) as Buffer | null;
    for (let next = byte; next !== null; next = socket.read(1) as Buffer | null) {
      header += next.toString();
      if (header.endsWith('\r\n\r\n')) break;
    }
  }
  return { socket, header };
}

const accepted =
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n';

test('a log is asked of the node’s kubelet with its options, and streamed as it comes', async () => {
  await using stage = await scene({
    onRequest: (_request, response) => {
      response.write('one\n');
      setTimeout(() => response.end('two\n'), 50);
    },
  });
  const { server, kubelet } = stage;
  const { text, code, headers } = await server.admin.send(
    'GET',
    `${podsPath}/p/log?container=b&follow=true&tailLines=3&bad=1`,
  );
  assert.deepEqual([code, text, headers['content-type']], [200, 'one\ntwo\n', 'text/plain']);
  assert.deepEqual(kubelet.seen, [
    'GET /containerLogs/default/p/b?follow=true&tailLines=3 kube-apiserver-kubelet-client',
  ]);
});

/** Everything that a web socket says until it is closed, with the code that it is closed with. */
async function heard(server: TestServer, path: string, protocol: string): Promise<readonly string[]> {
  const { authority, port } = server;
  const pair = await authority.issue({ commonName: 'admin', organizations: ['system:masters'] });
  const options = { ca: authority.certPem, cert: pair.certPem, key: pair.keyPem };
  const socket = new WebSocket(`wss://127.0.0.1:${port}${path}`, protocol, options);
  const said: string[] = [];
  socket.on('message', (data: Buffer, isBinary) => said.push(`${isBinary ? 'bytes' : 'text'} ${data.toString()}`));
  socket.on('unexpected-response', (_request, { statusCode }) => {
    said.push(`answer ${statusCode}`);
    socket.terminate();
  });
  socket.on('error', () => undefined);
  const code = await new Promise<number>((resolve) => socket.once('close', resolve));
  return [...said, `closed ${code}`];
}

test('a log comes by a web socket as well, a message a piece, as bytes or as base64', async () => {
  await using stage = await scene({
    onRequest: (_request, response) => {
      response.write('one\n');
      setTimeout(() => response.end('two\n'), 50);
    },
  });
  const path = `${podsPath}/p/log?container=b&follow=true`;
  assert.deepEqual(await heard(stage.server, path, 'binary.k8s.io'), ['bytes one\n', 'bytes two\n', 'closed 1000']);
  const encoded = ['one\n', 'two\n'].map((text) => `text ${Buffer.from(text).toString('base64')}`);
  assert.deepEqual(await heard(stage.server, path, 'base64.binary.k8s.io'), [...encoded, 'closed 1000']);
  assert.match(stage.kubelet.seen[0] ?? '', /^GET \/containerLogs\/default\/p\/b\?follow=true /);
});

test('a log by a web socket is refused as any other is', async () => {
  await using stage = await scene({});
  const path = `${podsPath}/p/log?container=none`;
  assert.deepEqual(await heard(stage.server, path, 'binary.k8s.io'), ['answer 400', 'closed 1006']);
});

test('a log without a container, with a wrong one, of a pod on no node', async () => {
  await using stage = await scene({});
  const { admin } = stage.server;
  const none = await admin.send('GET', `${podsPath}/p/log`);
  assert.deepEqual(
    [none.code, at(none.json, 'message')],
    [400, 'a container name must be specified for pod p, choose one of: [a b]'],
  );
  const wrong = await admin.send('GET', `${podsPath}/p/log?container=c`);
  assert.deepEqual([wrong.code, at(wrong.json, 'message')], [400, 'container c is not valid for pod p']);
  await admin.send('POST', podsPath, pod('waiting'));
  const waiting = await admin.send('GET', `${podsPath}/waiting/log`);
  assert.deepEqual([waiting.code, waiting.text], [200, '']);
});

test('what the kubelet refuses is passed on as a Status; a kubelet that is not there is 502', async () => {
  await using stage = await scene({
    onRequest: (_request, response) => response.writeHead(400).end('container "a" is waiting to start'),
  });
  const { server, kubelet } = stage;
  const refused = await server.admin.send('GET', `${podsPath}/p/log?container=a`);
  assert.deepEqual([refused.code, at(refused.json, 'message')], [400, 'container "a" is waiting to start']);
  await kubelet[Symbol.asyncDispose]();
  assert.equal((await server.admin.send('GET', `${podsPath}/p/log?container=a`)).code, 502);
});

test('a kubelet with a certificate of another authority is not spoken to', async () => {
  await using stage = await scene({});
  const { server } = stage;
  const other = await createAuthority('other');
  await using impostor = await startFakeKubelet(
    other,
    { onRequest: (_request, response) => response.end('lies') },
    server.authority,
  );
  const status = { daemonEndpoints: { kubeletEndpoint: { Port: impostor.port } } };
  await server.admin.send('PATCH', '/api/v1/nodes/n1/status', { status }, merge);
  assert.equal((await server.admin.send('GET', `${podsPath}/p/log?container=a`)).code, 502);
  assert.deepEqual(impostor.seen, []);
});

test('exec passes the handshake and its options, not the client’s credentials, and then bytes both ways', async () => {
  let headers: Record<string, unknown> = {};
  await using stage = await scene({
    onUpgrade: (request, socket) => {
      socket.allowHalfOpen = true;
      headers = request.headers;
      socket.write(`${accepted}hello `);
      socket.pipe(socket);
    },
  });
  const { server, kubelet } = stage;
  const { socket, header } = await upgrade(
    server,
    `${podsPath}/p/exec?container=a&command=sh&command=-c&stdin=true&stdout=true&tty=true`,
  );
  assert.match(header, /^HTTP\/1\.1 101 Switching Protocols\r\n/);
  assert.match(header, /sec-websocket-protocol: v5\.channel\.k8s\.io/i);
  socket.end('world');
  const chunks: Buffer[] = [];
  for await (const chunk of socket as AsyncIterable<Buffer>) chunks.push(chunk);
  // Our end of writing reached the kubelet, whose end reached us, and nothing was lost on the way.
  assert.equal(Buffer.concat(chunks).toString(), 'hello world');
  assert.deepEqual(kubelet.seen, [
    'GET /exec/default/p/a?input=1&output=1&tty=1&command=sh&command=-c kube-apiserver-kubelet-client',
  ]);
  assert.equal(headers['authorization'], undefined);
});

test('a fast sender is held back by a slow reader, and every byte arrives', async () => {
  const sent = randomBytes(32 * 1024 * 1024);
  let written = 0;
  await using stage = await scene({
    onUpgrade: (_request, socket) => {
      socket.write(accepted);
      void (async () => {
        for (let from = 0; from < sent.length; from += 65_536) {
          if (!socket.write(sent.subarray(from, from + 65_536))) await once(socket, 'drain');
          written = from + 65_536;
        }
        socket.end();
      })();
    },
  });
  const { socket } = await upgrade(stage.server, `${podsPath}/p/attach?container=a&stdout=true`);
  await sleep(500);
  assert.ok(written < sent.length, 'all was taken though nobody read');
  const hash = createHash('sha256');
  for await (const chunk of socket as AsyncIterable<Buffer>) hash.update(chunk);
  assert.equal(hash.digest('hex'), createHash('sha256').update(sent).digest('hex'));
});

test('a client that breaks off takes the kubelet’s side with it, and the other way round', async () => {
  const kubeletSockets: TLSSocket[] = [];
  await using stage = await scene({
    onUpgrade: (_request, socket) => {
      kubeletSockets.push(socket as TLSSocket);
      socket.on('error', () => undefined);
      socket.write(accepted);
      socket.resume();
    },
  });
  const path = `${podsPath}/p/portforward?ports=80`;
  const first = await upgrade(stage.server, path, 'POST');
  const [mine] = kubeletSockets;
  first.socket.destroy();
  if (mine?.closed === false) await once(mine, 'close');
  const second = await upgrade(stage.server, path);
  second.socket.resume();
  second.socket.on('error', () => undefined);
  kubeletSockets[1]?.destroy();
  await once(second.socket, 'end');
  assert.deepEqual(
    stage.kubelet.seen.map((line) => line.split(' ').slice(0, 2).join(' ')),
    ['POST /portForward/default/p?port=80', 'GET /portForward/default/p?port=80'],
  );
});

test('an upgrade that is not allowed, or names no stream, is answered with a Status', async () => {
  await using stage = await scene({
    onUpgrade: (_request, socket) => socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno'),
  });
  const { server } = stage;
  for (const [path, code] of [
    [`${podsPath}/p/exec?container=a`, 403],
    [`${podsPath}/none/exec`, 404],
    [`${podsPath}/p/exec?container=c`, 400],
    [`${podsPath}/p`, 404],
    ['/api', 404],
  ] as const) {
    const { header, socket } = await upgrade(server, path);
    assert.match(header, new RegExp(`^HTTP/1.1 ${code} `), path);
    socket.destroy();
  }
  assert.equal((await server.admin.send('GET', `${podsPath}/p/exec?container=a`)).code, 400);
  const jane = await server.clientAs('jane');
  assert.equal((await jane.send('POST', `${podsPath}/p/exec`)).code, 403);
});
