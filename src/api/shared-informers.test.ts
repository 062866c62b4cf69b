import assert from 'node:assert/strict';
import type http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { createApiClient } from './http-client.ts';
import type { Change } from './informer.ts';
import { createLogger, silentLogger } from './logger.ts';
import { pods } from './resources.ts';
import { createInformerFactory } from './shared-informers.ts';
import { sendJson, startTestServer, type SeenRequest } from './testing/http-server.ts';
import type { Pod } from './types.gen.ts';

const podOf = (name: string, version: number, uid = name): Pod => ({
  metadata: { name, namespace: 'x', uid, resourceVersion: String(version) },
  spec: { nodeName: `node-${version}`, containers: [] },
});

/** What a LIST answers; and the open watches, to write to. */
class Script {
  items: Pod[] = [];
  version = 1;
  readonly watches: http.ServerResponse[] = [];
  readonly watchedFrom: (string | null)[] = [];
  lists = 0;
  refuseWatch: number | undefined;
  failLists = 0;

  reply(request: SeenRequest, response: http.ServerResponse): void {
    const query = new URL(request.url, 'http://x').searchParams;
    if (query.get('watch') === null) this.#list(query, response);
    else this.#watch(query, response);
  }

  #list(query: URLSearchParams, response: http.ServerResponse): void {
    this.lists += 1;
    if (this.failLists > 0) {
      this.failLists -= 1;
      sendJson(response, { kind: 'Status', code: 500, message: 'starting' }, 500);
      return;
    }
    const all = { metadata: { resourceVersion: String(this.version) }, items: this.items };
    // Two pages, when there is something to cut.
    if (this.items.length < 2) sendJson(response, all);
    else if (query.get('continue') === null) {
      sendJson(response, { metadata: { ...all.metadata, continue: 'more' }, items: this.items.slice(0, 1) });
    } else sendJson(response, { metadata: { resourceVersion: '999' }, items: this.items.slice(1) });
  }

  #watch(query: URLSearchParams, response: http.ServerResponse): void {
    this.watchedFrom.push(query.get('resourceVersion'));
    if (this.refuseWatch !== undefined) {
      const code = this.refuseWatch;
      this.refuseWatch = undefined;
      sendJson(response, { kind: 'Status', code, reason: 'Expired', message: 'too old' }, code);
      return;
    }
    response.flushHeaders();
    this.watches.push(response);
  }

  send(type: string, object: object): void {
    this.watches.at(-1)?.write(`${JSON.stringify({ type, object })}\n`);
  }
}

async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + 5000;
  while (!condition()) {
    assert.ok(Date.now() < end, 'timed out');
    await sleep(2);
  }
}

const describe = ({ type, object }: Change<Pod>): string =>
  `${type} ${object.metadata.name}@${object.metadata.resourceVersion}`;

async function scene(
  use: (script: Script, factory: ReturnType<typeof createInformerFactory>, drop: () => void) => Promise<void>,
  write?: (line: string) => void,
): Promise<void> {
  const script = new Script();
  await using server = await startTestServer((request, response) => script.reply(request, response));
  const client = createApiClient({ server: server.url });
  const stop = new AbortController();
  const logger = write === undefined ? silentLogger : createLogger(write);
  try {
    await use(script, createInformerFactory(client, { logger, signal: stop.signal }), () => server.dropConnections());
  } finally {
    stop.abort();
    client.close();
  }
}

test('list, then watch from its version, with changes in order', async () => {
  await scene(async (script, factory) => {
    script.items = [podOf('a', 3), podOf('b', 4)];
    script.version = 5;
    const informer = factory.informer(pods);
    const changes: string[] = [];
    informer.onChange((change) => changes.push(describe(change)));
    assert.equal(informer.hasSynced, false);
    await informer.synced;
    assert.equal(informer.hasSynced, true);
    assert.deepEqual(changes, ['added a@3', 'added b@4']);
    await until(() => script.watches.length === 1);
    assert.deepEqual(script.watchedFrom, ['5']);
    script.send('MODIFIED', podOf('a', 6));
    script.send('DELETED', podOf('b', 7));
    script.send('ADDED', podOf('c', 8));
    await until(() => changes.length === 5);
    assert.deepEqual(changes.slice(2), ['updated a@6', 'deleted b@7', 'added c@8']);
    assert.equal(informer.get('x/a')?.metadata.resourceVersion, '6');
    assert.equal(informer.get('x/b'), undefined);
    assert.deepEqual(
      informer.list().map(({ metadata }) => metadata.name),
      ['a', 'c'],
    );
  });
});

test('an update carries the copy before it', async () => {
  await scene(async (script, factory) => {
    script.items = [podOf('a', 3)];
    const informer = factory.informer(pods);
    await informer.synced;
    const changes: Change<Pod>[] = [];
    informer.onChange((change) => changes.push(change));
    assert.equal(changes.length, 1, 'what is known comes at once');
    assert.equal(changes[0]?.previous, undefined);
    await until(() => script.watches.length === 1);
    script.send('MODIFIED', podOf('a', 6));
    await until(() => changes.length === 2);
    assert.equal(changes[1]?.previous?.metadata.resourceVersion, '3');
  });
});

test('a broken watch is resumed from the last version seen, bookmarks included, without a new list', async () => {
  await scene(async (script, factory, drop) => {
    script.items = [podOf('a', 3)];
    script.version = 5;
    const informer = factory.informer(pods);
    const changes: string[] = [];
    informer.onChange((change) => changes.push(describe(change)));
    await until(() => script.watches.length === 1);
    script.send('MODIFIED', podOf('a', 6));
    script.send('BOOKMARK', { metadata: { resourceVersion: '20' } });
    await until(() => changes.length === 2);
    await sleep(20);
    drop();
    assert.equal(informer.list().length, 1, 'the copy stays');
    await until(() => script.watches.length === 2);
    assert.deepEqual(script.watchedFrom, ['5', '20']);
    assert.equal(script.lists, 1);
    script.send('MODIFIED', podOf('a', 21));
    await until(() => changes.length === 3);
    assert.deepEqual(changes, ['added a@3', 'updated a@6', 'updated a@21']);
  });
});

test('410 means a new list, whose differences come as changes', async () => {
  await scene(async (script, factory, drop) => {
    script.items = [podOf('kept', 3), podOf('changed', 3), podOf('gone', 3), podOf('reborn', 3)];
    script.version = 5;
    const informer = factory.informer(pods);
    const changes: string[] = [];
    await informer.synced;
    informer.onChange((change) => changes.push(describe(change)));
    await until(() => script.watches.length === 1);
    changes.length = 0;
    script.items = [podOf('kept', 3), podOf('changed', 9), podOf('reborn', 9, 'another'), podOf('new', 9)];
    script.version = 10;
    script.refuseWatch = 410;
    drop();
    await until(() => script.watches.length === 2);
    assert.deepEqual(script.watchedFrom, ['5', '5', '10']);
    assert.deepEqual(changes.toSorted(), [
      'added new@9',
      'added reborn@9',
      'deleted gone@3',
      'deleted reborn@3',
      'updated changed@9',
    ]);
    assert.ok(changes.indexOf('deleted reborn@3') < changes.indexOf('added reborn@9'));
  });
});

test('a failing list is tried again', async () => {
  const lines: string[] = [];
  await scene(
    async (script, factory) => {
      script.failLists = 2;
      script.items = [podOf('a', 1)];
      await factory.informer(pods).synced;
      assert.equal(script.lists, 3);
      assert.equal(lines.filter((line) => line.includes('list or watch broke off resource=pods')).length, 2);
    },
    (line) => lines.push(line),
  );
});

test('one selection is one connection, whatever the indexes; another selection is another', async () => {
  await scene(async (script, factory) => {
    script.items = [podOf('a', 1), podOf('b', 2)];
    const plain = factory.informer(pods);
    const indexes = { byNode: (pod: Pod) => [pod.spec?.nodeName ?? ''] };
    const byNode = factory.informer(pods, { indexes });
    const byName = factory.informer(pods, { indexes: { byNode: (pod: Pod) => [pod.metadata.name ?? ''] } });
    assert.equal(factory.informer(pods), plain);
    assert.equal(factory.informer(pods, { indexes }), byNode);
    await byNode.synced;
    assert.deepEqual(
      byNode.byIndex('byNode', 'node-2').map(({ metadata }) => metadata.name),
      ['b'],
    );
    assert.deepEqual(
      byName.byIndex('byNode', 'b').map(({ metadata }) => metadata.name),
      ['b'],
    );
    assert.throws(() => plain.byIndex('byNode', 'node-2'), /no index named byNode/);
    await until(() => script.watches.length === 1);
    factory.informer(pods, { fieldSelector: 'spec.nodeName=node-1' });
    await until(() => script.watches.length === 2);
    assert.equal(script.lists, 4, 'two pages each');
  });
});

test('indexes follow updates and deletions', async () => {
  await scene(async (script, factory) => {
    script.items = [podOf('a', 1)];
    const informer = factory.informer(pods, { indexes: { byNode: (pod: Pod) => [pod.spec?.nodeName ?? ''] } });
    await until(() => script.watches.length === 1);
    let inHandler: number | undefined;
    informer.onChange(({ type }) => {
      if (type === 'updated') inHandler = informer.byIndex('byNode', 'node-2').length;
    });
    script.send('MODIFIED', podOf('a', 2));
    await until(() => inHandler !== undefined);
    assert.equal(inHandler, 1, 'indexes are right when handlers run');
    assert.deepEqual(informer.byIndex('byNode', 'node-1'), []);
    script.send('DELETED', podOf('a', 3));
    await until(() => informer.list().length === 0);
    assert.deepEqual(informer.byIndex('byNode', 'node-2'), []);
  });
});

test('a handler that throws is logged and stops nobody; one that left hears nothing', async () => {
  const lines: string[] = [];
  await scene(
    async (script, factory) => {
      const informer = factory.informer(pods);
      const heard: string[] = [];
      const left: string[] = [];
      informer.onChange(() => {
        throw new Error('clumsy');
      });
      informer.onChange((change) => heard.push(describe(change)));
      informer.onChange((change) => left.push(describe(change)))();
      await until(() => script.watches.length === 1);
      script.send('ADDED', podOf('a', 2));
      await until(() => heard.length === 1);
      assert.deepEqual(left, []);
      assert.match(lines.join(''), /a change handler threw resource=pods key=x\/a change=added error=.*clumsy/);
    },
    (line) => lines.push(line),
  );
});

test('it is current while the server is heard: not before the watch stands, not once it broke off', async () => {
  await scene(async (script, factory, drop) => {
    const informer = factory.informer(pods);
    assert.equal(informer.isCurrent, false);
    await informer.synced;
    await until(() => informer.isCurrent);
    script.refuseWatch = 500;
    drop();
    await until(() => !informer.isCurrent);
    await until(() => informer.isCurrent);
  });
});

test('what is kept of each object is the asker’s choice, and nobody else’s', async () => {
  await scene(async (script, factory) => {
    script.items = [podOf('a', 3)];
    const keep = ({ metadata }: Pod): Pod => ({ metadata });
    const [thin, whole] = [factory.informer(pods, { keep }), factory.informer(pods)];
    await Promise.all([thin.synced, whole.synced]);
    await until(() => script.watches.length === 2);
    for (const watch of script.watches) watch.write(`${JSON.stringify({ type: 'ADDED', object: podOf('b', 4) })}\n`);
    await until(() => thin.list().length === 2 && whole.list().length === 2);
    assert.deepEqual(
      [thin, whole].map((informer) => informer.list().map(({ spec }) => spec?.nodeName)),
      [
        [undefined, undefined],
        ['node-3', 'node-4'],
      ],
    );
  });
});
