/** Pulls from a real registry on loopback. Needs root (layers keep their owners), docker-registry and skopeo. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer as createHttpServer, request, type Server } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createLogger } from '../../src/api/logger.ts';
import { createDirectExec } from '../../src/kernel/run-process.ts';
import { createImageService, type ContainerImages } from '../../src/runtime/images/index.ts';
import { pullThroughDoor, servePull } from '../../src/runtime/images/pull-door.ts';
import { credentials, startRegistry, writeLayout, type LayoutFacts, type Registry } from './registry.ts';

let folder: string;
let open: Registry;
let closed: Registry;
let facts: LayoutFacts;
let stores = 0;
const big = randomBytes(3_000_000);

/** A store of its own for each test. */
function newStore(): { readonly images: ContainerImages; readonly dir: string } {
  const dir = join(folder, `store${stores++}`);
  return { images: createImageService({ dir, exec: createDirectExec(), logger: createLogger(() => undefined) }), dir };
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'podwire-pull-'));
  facts = await writeLayout(join(folder, 'one'), ['first', big]);
  await writeLayout(join(folder, 'two'), ['first', big, 'third']);
  open = await startRegistry(join(folder, 'open'), { auth: false });
  closed = await startRegistry(join(folder, 'closed'), { auth: true });
  await open.push(join(folder, 'one'), 'team/app:1');
  await open.push(join(folder, 'two'), 'team/app:2');
  await open.push(join(folder, 'one'), 'team/docker:1', '--format=v2s2');
  await closed.push(join(folder, 'one'), 'team/app:1');
});

after(async () => {
  await Promise.allSettled([open.close(), closed.close()]);
  await rm(folder, { recursive: true, force: true });
});

test('by tag: the image for this machine, known by its tag and by both digests; the second time nothing is fetched', async () => {
  const { images, dir } = newStore();
  const name = `${open.host}/team/app`;
  const seen: number[] = [];
  const image = await images.pullImage(`${name}:1`, { onProgress: ({ doneBytes }) => seen.push(doneBytes) });
  assert.equal(image.id, facts.id);
  assert.deepEqual(image.tags, [`${name}:1`]);
  assert.deepEqual(image.importedTags, []);
  assert.deepEqual(image.digests, [`${name}@${facts.indexDigest}`, `${name}@${facts.manifestDigest}`]);
  assert.ok((seen.at(-1) ?? 0) > big.length, 'progress counts every byte');
  const { layers } = await images.hold(image.id, 'node', 'holder');
  assert.deepEqual(await readFile(join(layers[0] ?? '', 'layer1')), big);
  assert.deepEqual(
    (await readdir(join(dir, 'pulls'))).filter((entry) => !entry.endsWith('.lock')),
    [],
  );
  const again: unknown[] = [];
  assert.equal((await images.pullImage(`${name}:1`, { onProgress: (p) => again.push(p) })).id, facts.id);
  assert.deepEqual(again, []);
});

test('by digest, of the index and of the manifest; a digest gives no tag', async () => {
  const { images } = newStore();
  for (const digest of [facts.indexDigest, facts.manifestDigest]) {
    const reference = `${open.host}/team/app@${digest}`;
    const image = await images.pullImage(reference);
    assert.deepEqual([image.id, image.tags], [facts.id, []]);
    assert.equal((await images.imageStatus(reference))?.id, facts.id);
  }
});

test('an image in docker format keeps the ID and the digest that the registry knows', async () => {
  const { images } = newStore();
  const image = await images.pullImage(`${open.host}/team/docker:1`);
  const answer = await fetch(`http://${open.host}/v2/team/docker/manifests/1`, {
    headers: { accept: 'application/vnd.docker.distribution.manifest.list.v2+json' },
  });
  await answer.arrayBuffer();
  assert.ok(image.digests.includes(`${open.host}/team/docker@${answer.headers.get('docker-content-digest')}`));
});

test('layers that are here are not fetched again', async () => {
  const { images } = newStore();
  await images.pullImage(`${open.host}/team/app:1`);
  let total = 0;
  const image = await images.pullImage(`${open.host}/team/app:2`, {
    onProgress: ({ totalBytes }) => (total = totalBytes),
  });
  assert.ok(total > 0 && total < 1000, `${total} bytes: only the third layer`);
  const { layers } = await images.hold(image.id, 'node', 'holder');
  assert.equal(await readFile(join(layers[0] ?? '', 'layer2'), 'utf8'), 'third');
  assert.ok(image.sizeBytes > big.length, 'what is shared counts in the size');
});

test('the same asked twice at once is fetched once', async () => {
  const proxy = await startProxy(open.host, () => undefined);
  const { dir } = newStore();
  // Two services on one folder: two processes would be no different to the lock.
  const services = [1, 2].map(() =>
    createImageService({ dir, exec: createDirectExec(), logger: createLogger(() => undefined) }),
  );
  const pulled = await Promise.all(services.map((images) => images.pullImage(`${proxy.host}/team/app:1`)));
  await proxy.close();
  assert.deepEqual(
    pulled.map(({ id }) => id),
    [facts.id, facts.id],
  );
  assert.equal(proxy.asked.filter((path) => path.includes('/blobs/')).length, 3, 'a config and two layers');
});

test('what is not there is told so', async () => {
  const { images } = newStore();
  const missing = [
    `${open.host}/team/app:none`,
    `${open.host}/team/none:1`,
    `${open.host}/team/app@sha256:${'0'.repeat(64)}`,
  ];
  for (const reference of missing)
    await assert.rejects(images.pullImage(reference), (error: Error & { failure: string }) => {
      assert.equal(error.failure, 'notFound');
      assert.match(error.message, new RegExp(`^pulling ${reference}: ${open.host} has no such image \\(404, `));
      return true;
    });
  await assert.rejects(images.pullImage('127.0.0.1:1/a'), /127.0.0.1:1.*ECONNREFUSED/);
  assert.deepEqual(await images.listImages(), []);
});

test('credentials: none, wrong, right', async () => {
  const { images } = newStore();
  const reference = `${closed.host}/team/app:1`;
  await assert.rejects(images.pullImage(reference), /wants credentials, and there are none for it/);
  const wrong = { ...credentials, password: 'wrong horse' };
  await assert.rejects(images.pullImage(reference, { credentials: wrong }), (error: Error) => {
    assert.match(error.message, /refuses these credentials/);
    assert.doesNotMatch(error.message, /horse/);
    return true;
  });
  assert.equal((await images.pullImage(reference, { credentials })).id, facts.id);
});

test('cut in the middle once: it goes on where it was', async () => {
  let cuts = 0;
  const proxy = await startProxy(open.host, (_path, size) =>
    size > 1_000_000 && cuts++ === 0 ? 1_000_000 : undefined,
  );
  const { images } = newStore();
  const image = await images.pullImage(`${proxy.host}/team/app:1`);
  await proxy.close();
  const { layers } = await images.hold(image.id, 'node', 'holder');
  assert.deepEqual(await readFile(join(layers[0] ?? '', 'layer1')), big);
  assert.equal(proxy.ranges.filter((range) => range !== undefined).length, 1);
});

test('cut in the middle each time: refused, and nothing of it is kept', async () => {
  const proxy = await startProxy(open.host, (_path, size) => (size > 1_000_000 ? 1000 : undefined));
  const { images, dir } = newStore();
  await assert.rejects(images.pullImage(`${proxy.host}/team/app:1`), /a layer was cut short/);
  await proxy.close();
  assert.deepEqual(await images.listImages(), []);
  assert.deepEqual(
    (await readdir(join(dir, 'pulls'))).filter((entry) => !entry.endsWith('.lock')),
    [],
  );
  for (const place of ['layers', 'blobs']) assert.deepEqual(await readdir(join(dir, place)).catch(() => []), []);
});

test('through the door: progress, result, refusal, and an end when the caller goes', async () => {
  const { images } = newStore();
  const path = join(folder, 'door.sock');
  const door = createServer((socket) => void servePull(images, socket, socket, () => false).then(() => socket.end()));
  door.listen(path);
  await once(door, 'listening');
  try {
    const reference = `${closed.host}/team/app:1`;
    await assert.rejects(pullThroughDoor(path, reference), { name: 'PullError', failure: 'denied' });
    const given = new AbortController();
    const stalled = createServer().listen(0, '127.0.0.1');
    await once(stalled, 'listening');
    const port = (stalled.address() as { port: number }).port;
    const waiting = pullThroughDoor(path, `127.0.0.1:${port}/a`, { signal: given.signal });
    const [connection] = (await once(stalled, 'connection')) as [NodeJS.EventEmitter];
    given.abort();
    await assert.rejects(waiting, { name: 'AbortError' });
    await once(
      connection.on('error', () => undefined).on('data', () => undefined),
      'close',
    );
    stalled.close();
    assert.equal((await pullThroughDoor(path, reference, { credentials })).id, facts.id);
  } finally {
    door.close();
  }
  await assert.rejects(pullThroughDoor(path, 'a'), /nobody fetches images at/);
});

interface Proxy {
  readonly host: string;
  readonly asked: string[];
  readonly ranges: (string | undefined)[];
  close(): Promise<void>;
}

/** Passes on to the registry; `cut` says after how many bytes of a body the connection breaks. */
async function startProxy(target: string, cut: (path: string, size: number) => number | undefined): Promise<Proxy> {
  const asked: string[] = [];
  const ranges: (string | undefined)[] = [];
  const server: Server = createHttpServer((incoming, outgoing) => {
    const path = incoming.url ?? '';
    asked.push(path);
    if (path.includes('/blobs/')) ranges.push(incoming.headers.range);
    const forward = request(`http://${target}${path}`, { method: incoming.method ?? 'GET', headers: incoming.headers });
    forward.on('response', (answer) => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      let left = cut(path, Number(answer.headers['content-length'] ?? 0));
      answer.on('data', (chunk: Buffer) => {
        outgoing.write(left === undefined ? chunk : chunk.subarray(0, left), () => {
          if (left !== undefined && (left -= chunk.length) <= 0) outgoing.destroy();
        });
      });
      answer.on('end', () => outgoing.end());
    });
    forward.end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: `127.0.0.1:${(server.address() as { port: number }).port}`,
    asked,
    ranges,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
