import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:tls';
import test from 'node:test';
import { createAuthority } from '../../pki/index.ts';
import { at } from '../testing/client.ts';
import { startFakeKubelet } from '../testing/kubelet.ts';
import { account, accounts, pod, podsPath } from '../testing/objects.ts';
import { startTestServer, type TestServer } from '../testing/server.ts';

const merge = { 'content-type': 'application/merge-patch+json' };
const servicesPath = '/api/v1/namespaces/default/services';

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void;

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

interface Scene extends AsyncDisposable {
  readonly server: TestServer;
  readonly port: number;
  readonly backend: Server;
}

/** A server, and something that answers at loopback in the place of pod p and Service web. */
async function scene(answer: Answer, scheme: 'http' | 'https' = 'http'): Promise<Scene> {
  const server = await startTestServer();
  const listener = (request: IncomingMessage, response: ServerResponse): void =>
    void bodyOf(request).then((body) => answer(request, response, body));
  const self = await (await createAuthority('self')).issue({ commonName: 'self-made' });
  const backend =
    scheme === 'http' ? createServer(listener) : createTlsServer({ cert: self.certPem, key: self.keyPem }, listener);
  backend.listen(0, '127.0.0.1');
  await once(backend, 'listening');
  const { port } = backend.address() as AddressInfo;
  const { admin } = server;
  await admin.send('POST', accounts, account);
  const containers = [{ name: 'main', image: 'busybox', ports: [{ name: 'web', containerPort: port }] }];
  await admin.send('POST', podsPath, pod('p', { containers }));
  await admin.send(
    'PATCH',
    `${podsPath}/p/status`,
    { status: { podIP: '127.0.0.1', podIPs: [{ ip: '127.0.0.1' }] } },
    merge,
  );
  const ports = [
    { name: 'one', port: 80 },
    { name: 'none', port: 81 },
  ];
  await admin.send('POST', servicesPath, { metadata: { name: 'web' }, spec: { ports } });
  return {
    server,
    port,
    backend,
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      backend.closeAllConnections();
      backend.close();
    },
  };
}

const tell: Answer = ({ method, url }, response, body) => response.end(`${method} ${url} ${body}`);

test('every method reaches the pod with path, query and body as they were sent', async () => {
  await using stage = await scene(tell);
  const { server, port } = stage;
  const path = `${podsPath}/p:${port}/proxy/a%2Fb//../c?x=%20&dryRun=y`;
  for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
    const { code, text } = await server.admin.send(method, path, method === 'GET' ? undefined : 'body');
    assert.deepEqual([code, text], [200, `${method} /a%2Fb//../c?x=%20&dryRun=y ${method === 'GET' ? '' : 'body'}`]);
  }
});

test('without a port it is the first one that a container names; an answer of the backend is its own', async () => {
  await using stage = await scene((_request, response) => response.writeHead(418, { 'x-own': 'yes' }).end('short'));
  const { code, text, headers } = await stage.server.admin.send('GET', `${podsPath}/p/proxy/`, undefined, {
    accept: 'text/html',
  });
  assert.deepEqual([code, text, headers['x-own']], [418, 'short', 'yes']);
});

test('who the caller is stays here; where he asked is told', async () => {
  let seen: IncomingMessage['headers'] = {};
  await using stage = await scene(({ headers }, response) => {
    seen = headers;
    response.end();
  });
  const path = `${podsPath}/p/proxy/x`;
  await stage.server.admin.send('GET', path, undefined, {
    authorization: 'Bearer secret',
    'impersonate-user': 'admin',
    'impersonate-group': 'system:masters',
    'x-mine': '1',
    connection: 'keep-alive, x-mine',
    host: 'localhost',
  });
  assert.deepEqual(
    [seen['authorization'], seen['impersonate-user'], seen['x-mine'], seen['x-forwarded-uri'], seen.host],
    [undefined, undefined, undefined, path, 'localhost'],
  );
});

test('stopping at proxy leads to proxy/, for those who read', async () => {
  await using stage = await scene(tell);
  const { admin } = stage.server;
  for (const method of ['GET', 'HEAD']) {
    const { code, headers } = await admin.send(method, `${podsPath}/p/proxy?x=1`);
    assert.deepEqual([code, headers.location], [301, `${podsPath}/p/proxy/?x=1`]);
  }
  assert.equal((await admin.send('POST', `${podsPath}/p/proxy?x=1`)).text, 'POST /?x=1 ');
});

test('links of a page and redirects lead through the proxy', async () => {
  await using stage = await scene(({ url }, response) => {
    if (url === '/go') response.writeHead(302, { location: '/there' }).end();
    else
      response
        .writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'content-length': 23 })
        .end('<a href="/next">go</a>\n');
  });
  const { admin } = stage.server;
  const prefix = `${podsPath}/p/proxy`;
  assert.equal((await admin.send('GET', `${prefix}/`)).text, `<a href="${prefix}/next">go</a>\n`);
  assert.equal((await admin.send('GET', `${prefix}/go`)).headers.location, `${prefix}/there`);
});

test('https goes to a backend whose certificate nobody knows', async () => {
  await using stage = await scene(tell, 'https');
  const { text } = await stage.server.admin.send('GET', `${podsPath}/https:p:${stage.port}/proxy/x`);
  assert.equal(text, 'GET /x ');
});

test('what cannot be reached is told', async () => {
  await using stage = await scene(tell);
  const { server } = stage;
  const code = async (path: string): Promise<unknown[]> => {
    const { code: number, json } = await server.admin.send('GET', path);
    return [number, at(json, 'message')];
  };
  assert.deepEqual(await code(`${podsPath}/nobody/proxy/`), [404, 'pods "nobody" not found']);
  assert.deepEqual(await code(`${podsPath}/p:web:1:2/proxy/`), [
    400,
    'invalid request "p:web:1:2": want [SCHEME:]NAME[:PORT]',
  ]);
  assert.deepEqual(await code(`${podsPath}/ftp:p:1/proxy/`), [
    400,
    'invalid request "ftp:p:1": want [SCHEME:]NAME[:PORT]',
  ]);
  assert.deepEqual(await code(`${podsPath}/p:0/proxy/`), [400, 'invalid port "0"']);
  assert.deepEqual(await code(`${servicesPath}/web:one/proxy/`), [503, 'no endpoints available for service "web"']);
  assert.deepEqual(await code(`${servicesPath}/web:two/proxy/`), [
    503,
    'no service port "two" found for service "web"',
  ]);
  assert.deepEqual(await code(`${servicesPath}/web/proxy/`), [503, 'no service port "" found for service "web"']);
  assert.equal((await server.admin.send('GET', '/api/v1/namespaces/default/configmaps/x/proxy/')).code, 404);
  stage.backend.close();
  assert.equal((await server.admin.send('GET', `${podsPath}/p/proxy/`)).code, 503);
});

test('addresses of this machine and of the link are not gone to', async () => {
  await using stage = await scene(tell);
  const { admin } = stage.server;
  for (const ip of ['127.0.0.2', '169.254.169.254', '::1']) {
    await admin.send('PATCH', `${podsPath}/p/status`, { status: { podIP: ip, podIPs: [{ ip }] } }, merge);
    const { code, json } = await admin.send('GET', `${podsPath}/p/proxy/`);
    assert.deepEqual([code, at(json, 'message')], [400, 'address not allowed'], ip);
  }
});

test('a node’s kubelet gets our certificate; the right to it is that of nodes/proxy', async () => {
  await using stage = await scene(tell);
  const { server } = stage;
  await using kubelet = await startFakeKubelet(server.authority, {
    onRequest: (_request, response) => response.end('logs'),
  });
  await server.admin.send('POST', '/api/v1/nodes', { metadata: { name: 'n1' } });
  const status = {
    addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: kubelet.port } },
  };
  await server.admin.send('PATCH', '/api/v1/nodes/n1/status', { status }, merge);
  for (const name of ['n1', `n1:${kubelet.port}`, `https:n1:${kubelet.port}`]) {
    assert.equal((await server.admin.send('GET', `/api/v1/nodes/${name}/proxy/logs/`)).text, 'logs');
  }
  assert.equal(kubelet.seen[0], 'GET /logs/ kube-apiserver-kubelet-client');
  const elsewhere = await server.admin.send('GET', `/api/v1/nodes/n1:${stage.port}/proxy/x`);
  assert.equal(elsewhere.text, 'GET /x ');
  const jane = await server.clientAs('jane');
  const refused = await jane.send('GET', '/api/v1/nodes/n1/proxy/logs/');
  assert.match(String(at(refused.json, 'message')), /cannot get resource "nodes\/proxy" in API group ""/);
  assert.equal(kubelet.seen.length, 3);
});

test('an upgrade is passed on, and then bytes both ways', async () => {
  await using stage = await scene(tell);
  const { server, backend } = stage;
  backend.on('upgrade', (request, socket) => {
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: ${request.headers.upgrade}\r\nConnection: Upgrade\r\n\r\n${request.url} `,
    );
    socket.pipe(socket);
  });
  const { certPem, keyPem } = await server.authority.issue({ commonName: 'admin', organizations: ['system:masters'] });
  const socket = connect({
    host: '127.0.0.1',
    port: server.port,
    ca: server.authority.certPem,
    cert: certPem,
    key: keyPem,
  });
  socket.write(`GET ${podsPath}/p/proxy/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n`);
  let text = '';
  socket.on('data', (data: Buffer) => (text += data.toString()));
  while (!text.includes('/ws ')) await once(socket, 'data');
  assert.match(text, /^HTTP\/1\.1 101 [^]*Upgrade: echo\r\n/);
  socket.write('hello');
  while (!text.endsWith('/ws hello')) await once(socket, 'data');
  socket.destroy();
});
