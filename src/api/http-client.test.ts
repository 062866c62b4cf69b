import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import type { WatchEvent } from './client.ts';
import {
  ApiError,
  isAlreadyExists,
  isConflict,
  isForbidden,
  isGone,
  isInvalid,
  isNotFound,
  isUnavailable,
} from './errors.ts';
import { createApiClient } from './http-client.ts';
import { deployments, nodes, pods } from './resources.ts';
import { sendJson, startTestServer, type Reply, type TestServer } from './testing/http-server.ts';
import type { Pod } from './types.gen.ts';

async function withServer(
  reply: Reply,
  use: (client: ReturnType<typeof createApiClient>, server: TestServer) => Promise<void>,
): Promise<void> {
  await using server = await startTestServer(reply);
  const client = createApiClient({ server: server.url, token: 'secret', userAgent: 'test/1' });
  try {
    await use(client, server);
  } finally {
    client.close();
  }
}

async function errorOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
  } catch (error) {
    return error;
  }
  assert.fail('it did not reject');
}

const pod: Pod = { metadata: { name: 'a', namespace: 'default' } };

test('each verb has its method, path, query and body', async () => {
  await withServer(
    (request, response) =>
      sendJson(response, request.url.includes('?') ? { metadata: {}, items: [] } : { metadata: { name: 'a' } }),
    async (client, server) => {
      const key = { namespace: 'default', name: 'a' };
      await client.get(pods, key);
      await client.get(nodes, { name: 'n1' });
      await client.list(deployments, { namespace: 'x', labelSelector: 'a in (b,c)', limit: 2, continue: 'T' });
      await client.list(pods, { fieldSelector: 'spec.nodeName=n1' });
      await client.create(pods, pod);
      await client.update(pods, pod, 'status');
      await client.patch(pods, key, { a: 1 }, { type: 'strategic', subresource: 'status' });
      await client.patch(pods, key, [], { type: 'json' });
      await client.patch(pods, key, {}, { type: 'merge' });
      await client.delete(pods, key, { gracePeriodSeconds: 0, preconditions: { uid: 'u' } });
      await client.createSubresource(pods, key, 'binding', { target: { name: 'n1' } });
      const lines = server.seen.map(({ method, url, headers, body }) =>
        [method, url, headers['content-type'], body].filter(Boolean).join(' '),
      );
      assert.deepEqual(lines, [
        'GET /api/v1/namespaces/default/pods/a',
        'GET /api/v1/nodes/n1',
        'GET /apis/apps/v1/namespaces/x/deployments?labelSelector=a+in+%28b%2Cc%29&limit=2&continue=T',
        'GET /api/v1/pods?fieldSelector=spec.nodeName%3Dn1',
        'POST /api/v1/namespaces/default/pods application/json {"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","namespace":"default"}}',
        'PUT /api/v1/namespaces/default/pods/a/status application/json {"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","namespace":"default"}}',
        'PATCH /api/v1/namespaces/default/pods/a/status application/strategic-merge-patch+json {"a":1}',
        'PATCH /api/v1/namespaces/default/pods/a application/json-patch+json []',
        'PATCH /api/v1/namespaces/default/pods/a application/merge-patch+json {}',
        'DELETE /api/v1/namespaces/default/pods/a application/json {"kind":"DeleteOptions","apiVersion":"v1","gracePeriodSeconds":0,"preconditions":{"uid":"u"}}',
        'POST /api/v1/namespaces/default/pods/a/binding application/json {"target":{"name":"n1"}}',
      ]);
      assert.equal(server.seen[0]?.headers.authorization, 'Bearer secret');
      assert.equal(server.seen[0]?.headers['user-agent'], 'test/1');
      assert.equal(server.connections, 1, 'the connection is kept');
    },
  );
});

test('a name that would change the path never leaves the process', async () => {
  await withServer(
    (_request, response) => sendJson(response, {}),
    async (client, server) => {
      for (const name of ['', '.', '..', 'a/b', '../../nodes/n1']) {
        const error = await errorOf(client.get(pods, { namespace: 'default', name }));
        assert.equal(error instanceof ApiError && error.code, 400, name);
      }
      await errorOf(client.get(pods, { name: 'a' }));
      await client.get(pods, { namespace: 'default', name: 'a?b#c%2f' });
      assert.deepEqual(
        server.seen.map(({ url }) => url),
        ['/api/v1/namespaces/default/pods/a%3Fb%23c%252f'],
      );
    },
  );
});

test('refusals are told apart by predicate', async () => {
  const refusals = [
    { code: 404, reason: 'NotFound', is: isNotFound },
    { code: 409, reason: 'Conflict', is: isConflict },
    { code: 409, reason: 'AlreadyExists', is: isAlreadyExists },
    { code: 410, reason: 'Expired', is: isGone },
    { code: 403, reason: 'Forbidden', is: isForbidden },
    { code: 422, reason: 'Invalid', is: isInvalid },
    { code: 503, reason: 'ServiceUnavailable', is: isUnavailable },
  ];
  let next = 0;
  const reply: Reply = (_request, response) => {
    const { code = 500, reason = '' } = refusals[next] ?? {};
    sendJson(
      response,
      {
        kind: 'Status',
        apiVersion: 'v1',
        status: 'Failure',
        code,
        reason,
        message: `m ${reason}`,
        details: { name: 'a' },
      },
      code,
    );
  };
  await withServer(reply, async (client) => {
    for (next = 0; next < refusals.length; next += 1) {
      const error = await errorOf(client.create(pods, pod));
      const answers = refusals.map(({ is }) => is(error));
      assert.deepEqual(
        answers,
        refusals.map((_, index) => index === next),
        String(refusals[next]?.reason),
      );
      assert.ok(error instanceof ApiError);
      assert.equal(error.message, `m ${refusals[next]?.reason}`);
      assert.equal(error.status.details?.name, 'a');
    }
  });
  assert.equal(isNotFound(new Error('404')), false);
  assert.equal(isNotFound(undefined), false);
});

test('a refusal without a Status, and a reply that is not JSON', async () => {
  await withServer(
    (request, response) => {
      response.statusCode = request.url.endsWith('/a') ? 502 : 200;
      response.end('<html>');
    },
    async (client) => {
      const refused = await errorOf(client.get(nodes, { name: 'a' }));
      assert.ok(refused instanceof ApiError);
      assert.equal(refused.code, 502);
      assert.match(refused.message, /GET \/api\/v1\/nodes\/a: HTTP 502: <html>/);
      assert.equal(isUnavailable(await errorOf(client.get(nodes, { name: 'b' }))), true);
    },
  );
});

test('a server that is not there is unavailable, with the cause', async () => {
  const server = await startTestServer(() => undefined);
  await server[Symbol.asyncDispose]();
  const client = createApiClient({ server: server.url });
  const error = await errorOf(client.get(nodes, { name: 'a' }));
  assert.equal(isUnavailable(error), true);
  assert.equal(((error as ApiError).cause as NodeJS.ErrnoException).code, 'ECONNREFUSED');
  client.close();
});

test('a read on a connection that the server had closed is sent again, a write is not', async () => {
  let resetNext = false;
  const reply: Reply = (_request, response) => {
    if (resetNext) {
      resetNext = false;
      (response.socket as Socket).resetAndDestroy();
    } else sendJson(response, { metadata: { name: 'a' } });
  };
  await withServer(reply, async (client, server) => {
    await client.get(nodes, { name: 'a' });
    resetNext = true;
    await client.get(nodes, { name: 'a' });
    assert.deepEqual(
      server.seen.map(({ method }) => method),
      ['GET', 'GET', 'GET'],
    );
    resetNext = true;
    assert.equal(isUnavailable(await errorOf(client.create(pods, pod))), true);
    assert.equal(server.seen.filter(({ method }) => method === 'POST').length, 1);
  });
});

test('a reply cut off in the middle is unavailable, and a huge one is refused', async () => {
  await withServer(
    (request, response) => {
      if (request.url.endsWith('/cut')) {
        response.writeHead(200, { 'content-length': '100' });
        response.write('{');
        setImmediate(() => response.destroy());
        return;
      }
      const chunk = Buffer.alloc(1024 * 1024, 32);
      const more = (): void => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on('drain', more);
      more();
    },
    async (client) => {
      assert.equal(isUnavailable(await errorOf(client.get(nodes, { name: 'cut' }))), true);
      const error = await errorOf(client.get(nodes, { name: 'huge' }));
      assert.match(String(error), /larger than 67108864 bytes/);
    },
  );
});

test('items of a list carry their kind', async () => {
  await withServer(
    (_request, response) =>
      sendJson(response, { metadata: { resourceVersion: '7' }, items: [{ metadata: { name: 'a' } }] }),
    async (client) => {
      const list = await client.list(deployments);
      assert.equal(list.metadata.resourceVersion, '7');
      assert.deepEqual(list.items, [{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'a' } }]);
    },
  );
});

const line = (type: string, name: string): string =>
  `${JSON.stringify({ type, object: { metadata: { name, resourceVersion: '1' } } })}\n`;

test('a watch yields one event a line, however the bytes arrive, and ends with the reply', async () => {
  await withServer(
    (_request, response) => {
      const bytes = Buffer.from(`${line('ADDED', 'ä')}\n${line('MODIFIED', 'b')}${line('BOOKMARK', '').trimEnd()}`);
      let at = 0;
      const more = (): void => {
        if (at >= bytes.length) return void response.end();
        response.write(bytes.subarray(at, at + 7));
        at += 7;
        setImmediate(more);
      };
      more();
    },
    async (client, server) => {
      const seen: string[] = [];
      const options = { signal: AbortSignal.timeout(5000), resourceVersion: '5', namespace: 'x' };
      for await (const { type, object } of client.watch(pods, options))
        seen.push(`${type} ${object.metadata.name ?? ''}`);
      assert.deepEqual(seen, ['ADDED ä', 'MODIFIED b', 'BOOKMARK ']);
      const url = new URL(server.seen[0]?.url ?? '', server.url);
      assert.equal(url.pathname, '/api/v1/namespaces/x/pods');
      assert.equal(url.searchParams.get('watch'), 'true');
      assert.equal(url.searchParams.get('allowWatchBookmarks'), 'true');
      assert.equal(url.searchParams.get('resourceVersion'), '5');
      const timeout = Number(url.searchParams.get('timeoutSeconds'));
      assert.ok(timeout >= 300 && timeout < 600, String(timeout));
    },
  );
});

test('a watch rejects with the Status of an ERROR line, with a break, and with a line without end', async () => {
  const status = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' };
  await withServer(
    (request, response) => {
      if (request.url.includes('resourceVersion=1'))
        return void response.end(`${JSON.stringify({ type: 'ERROR', object: status })}\n`);
      if (request.url.includes('resourceVersion=2')) {
        response.write(line('ADDED', 'a'));
        return void setTimeout(() => response.destroy(), 20);
      }
      const chunk = Buffer.alloc(1024 * 1024, 32);
      const more = (): void => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on('drain', more);
      more();
    },
    async (client) => {
      const drain = async (resourceVersion: string): Promise<void> => {
        for await (const event of client.watch(pods, { signal: AbortSignal.timeout(20_000), resourceVersion }))
          void event;
      };
      assert.equal(isGone(await errorOf(drain('1'))), true);
      assert.equal(isUnavailable(await errorOf(drain('2'))), true);
      assert.match(String(await errorOf(drain('3'))), /longer than 16777216 bytes/);
    },
  );
});

test('the signal ends a watch quietly and closes its connection', async () => {
  const closed = Promise.withResolvers<void>();
  await withServer(
    (_request, response) => {
      response.on('close', () => closed.resolve());
      response.write(line('ADDED', 'a'));
    },
    async (client) => {
      const stop = new AbortController();
      const seen: WatchEvent<Pod>[] = [];
      for await (const event of client.watch(pods, { signal: stop.signal })) {
        seen.push(event);
        setTimeout(() => stop.abort(), 5);
      }
      assert.equal(seen.length, 1);
      await closed.promise;
      for await (const event of client.watch(pods, { signal: stop.signal })) assert.fail(event.type);
    },
  );
});

test('a request that waits for its turn is not given up with those before it', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const heard = Promise.withResolvers<void>();
  let asked = 0;
  await withServer(
    (_, response) => {
      asked += 1;
      if (asked === 8) heard.resolve();
      if (asked > 8) sendJson(response, pod);
    },
    async (client) => {
      const all = Promise.allSettled(Array.from({ length: 9 }, () => client.get(pods, { namespace: 'x', name: 'a' })));
      await heard.promise;
      t.mock.timers.tick(30_000);
      assert.deepEqual(
        (await all).map(({ status }) => status),
        [...Array.from({ length: 8 }, () => 'rejected'), 'fulfilled'],
      );
    },
  );
});

test('watches are opened a few at a time', async () => {
  let [open, most] = [0, 0];
  await withServer(
    (_, response) => {
      most = Math.max(most, (open += 1));
      setTimeout(() => {
        open -= 1;
        response.writeHead(200).end();
      }, 10);
    },
    async (client) => {
      const signal = AbortSignal.timeout(10_000);
      const opened = Array.from({ length: 24 }, async () => {
        for await (const event of client.watch(pods, { signal })) assert.fail(JSON.stringify(event));
      });
      await Promise.all(opened);
      assert.equal(signal.aborted, false);
    },
  );
  assert.equal(most, 8);
});
