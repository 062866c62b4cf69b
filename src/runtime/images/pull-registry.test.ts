/** A registry that is not to be trusted, on loopback: tokens, redirects, lies. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createAuthority } from '../../pki/index.ts';
import { downloadBlob } from './pull-blob.ts';
import { parseChallenge } from './pull-auth.ts';
import { isLoopback, RegistryConnection } from './pull-connection.ts';
import { Repository } from './pull-registry.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const hello = Buffer.from('hello');
const digest = `sha256:${createHash('sha256').update(hello).digest('hex')}`;
let folder: string;
let files = 0;

before(async () => void (folder = await mkdtemp(join(tmpdir(), 'podwire-registry-'))));
after(() => rm(folder, { recursive: true, force: true }));

async function serving<T>(handler: Handler, work: (host: string) => Promise<T>): Promise<T> {
  const server = createServer(handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    return await work(`127.0.0.1:${(server.address() as { port: number }).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

async function download(
  host: string,
  size: number,
  credentials?: { username: string; password: string },
): Promise<string> {
  const repository = new Repository(`${host}/team/app`, { credentials });
  const file = join(folder, `blob${files++}`);
  try {
    await downloadBlob(repository, { digest, size }, file, () => undefined);
    return await readFile(file, 'utf8');
  } finally {
    repository.close();
  }
}

test('a token for this repository, asked for with the credentials', async () => {
  const asked: unknown[] = [];
  const handler: Handler = (request, response) => {
    const { authorization } = request.headers;
    if (request.url?.startsWith('/token') === true) {
      asked.push([request.url, authorization]);
      return void response.end('{"token":"abc"}');
    }
    if (authorization === 'Bearer abc') return void response.end(hello);
    const realm = `http://${request.headers.host}/token`;
    response
      .writeHead(401, { 'www-authenticate': `Bearer realm="${realm}",service="reg",scope="repository:all:*"` })
      .end();
  };
  await serving(handler, async (host) => {
    assert.equal(await download(host, 5, { username: 'u', password: 'p' }), 'hello');
  });
  assert.deepEqual(asked, [['/token?service=reg&scope=repository%3Ateam%2Fapp%3Apull', 'Basic dTpw']]);
});

test('a redirect to another host takes no credentials there', async () => {
  const seen: unknown[] = [];
  const store: Handler = (request, response) => {
    seen.push(request.headers.authorization);
    response.end(hello);
  };
  await serving(store, (storage) =>
    serving(
      (request, response) => {
        if (request.headers.authorization === undefined)
          return void response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
        response.writeHead(307, { location: `http://${storage}/there` }).end();
      },
      async (host) => assert.equal(await download(host, 5, { username: 'u', password: 'p' }), 'hello'),
    ),
  );
  assert.deepEqual(seen, [undefined]);
});

test('a host that was redirected to cannot ask for the credentials either', async () => {
  let asked = 0;
  const thief: Handler = (request, response) => {
    if (request.headers.authorization !== undefined) asked++;
    response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${request.headers.host}/token"` }).end();
  };
  await serving(thief, (there) =>
    serving(
      (_request, response) => response.writeHead(307, { location: `http://${there}/there` }).end(),
      (host) =>
        assert.rejects(download(host, 5, { username: 'u', password: 'p' }), /leads to .*, which wants credentials/),
    ),
  );
  assert.equal(asked, 0);
});

test('redirects without end, more bytes than said, other bytes than said', async () => {
  const round: Handler = (request, response) => void response.writeHead(302, { location: request.url }).end();
  await serving(round, (host) => assert.rejects(download(host, 5), /redirects without end/));
  const flood: Handler = (_request, response) => void response.end('hello and more');
  await serving(flood, (host) => assert.rejects(download(host, 5), /longer than the 5 bytes/));
  let answers = 0;
  const liar: Handler = (_request, response) => void response.end(answers++ < 5 ? 'hallo' : hello);
  await serving(liar, (host) => assert.rejects(download(host, 5), /a layer is sha256:[0-9a-f]{64}, the manifest says/));
  assert.equal(answers, 3);
});

test('a server in trouble is asked again, three times at most', async () => {
  let answers = 0;
  const busy: Handler = (_request, response) =>
    void (++answers < 3 ? response.writeHead(503).end() : response.end(hello));
  await serving(busy, async (host) => assert.equal(await download(host, 5), 'hello'));
  const down: Handler = (_request, response) => {
    answers++;
    response.writeHead(503).end('{"errors":[{"code":"UNAVAILABLE","message":"back\\nsoon"}]}');
  };
  answers = 0;
  await serving(down, (host) => assert.rejects(download(host, 5), /answers 503, UNAVAILABLE: back soon$/));
  assert.equal(answers, 3);
});

test('challenges and loopback by name', () => {
  assert.deepEqual(parseChallenge('Bearer realm="https://a/t",service="s"'), {
    scheme: 'bearer',
    realm: 'https://a/t',
    service: 's',
  });
  assert.equal(parseChallenge('Negotiate abc'), undefined);
  for (const host of ['localhost', 'localhost:5000', '127.0.0.1:1', '127.9.9.9', '[::1]:5000'])
    assert.ok(isLoopback(host), host);
  for (const host of ['127.0.0.1.evil.example', 'localhost.example', '10.0.0.1:5000', '127.evil'])
    assert.ok(!isLoopback(host), host);
});

test('https by an unknown authority: refused, but not on loopback', async () => {
  const authority = await createAuthority('strangers');
  const { certPem, keyPem } = await authority.issue({ commonName: 'registry', ipAddresses: ['127.0.0.1'] });
  const server = createTlsServer({ cert: certPem, key: keyPem }, (_, response) => void response.end(hello));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `127.0.0.1:${(server.address() as { port: number }).port}`;
  const connection = new RegistryConnection('registry.example', { insecure: false, signal: undefined });
  try {
    await assert.rejects(connection.send({ url: new URL(`https://${host}/v2/`) }), /certificate/);
    assert.equal(await download(host, 5), 'hello');
  } finally {
    connection.close();
    server.closeAllConnections();
    server.close();
  }
});

test('plain http must be allowed', async () => {
  const connection = new RegistryConnection('registry.example', { insecure: false, signal: undefined });
  const url = new URL('http://127.0.0.1:1/v2/');
  await assert.rejects(connection.send({ url }), /127\.0\.0\.1:1 wants plain http: it is not allowed to/);
  connection.close();
});
