import assert from 'node:assert/strict';
import test from 'node:test';
import { at, type TestClient } from '../testing/client.ts';
import { account, accounts, configMap, configMaps, pod, podsPath } from '../testing/objects.ts';
import { startTestServer } from '../testing/server.ts';

const tableType = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' };
const partialList = { accept: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io' };

const names = (json: unknown): unknown[] => (at(json, 'items') as unknown[]).map((item) => at(item, 'metadata.name'));

async function fill(admin: TestClient, ...list: readonly string[]): Promise<void> {
  for (const name of list) await admin.send('POST', configMaps, configMap(name, {}, { labels: { name } }));
}

test('a list has its kind, its revision and every object as get answers it', async () => {
  await using server = await startTestServer();
  const { admin, store } = server;
  await fill(admin, 'b', 'a');
  const { json } = await admin.send('GET', configMaps);
  assert.deepEqual(
    [at(json, 'kind'), at(json, 'apiVersion'), at(json, 'metadata')],
    ['ConfigMapList', 'v1', { resourceVersion: String(store.revision) }],
  );
  assert.deepEqual(names(json), ['a', 'b']);
  assert.deepEqual(at(json, 'items.0'), (await admin.send('GET', `${configMaps}/a`)).json);
  const empty = await admin.send('GET', '/api/v1/namespaces/kube-public/pods');
  assert.deepEqual(at(empty.json, 'items'), []);
});

test('label and field selectors choose; a field that cannot be asked for is refused', async () => {
  await using server = await startTestServer();
  const { admin } = server;
  await fill(admin, 'a', 'b', 'c');
  const select = async (query: string): Promise<unknown> =>
    names((await admin.send('GET', `${configMaps}?${query}`)).json);
  assert.deepEqual(await select('labelSelector=name+in+(a,c)'), ['a', 'c']);
  assert.deepEqual(await select('labelSelector=name!%3Da'), ['b', 'c']);
  assert.deepEqual(await select('fieldSelector=metadata.name%3Db'), ['b']);
  const refused = await admin.send('GET', `${configMaps}?fieldSelector=spec.x%3Db`);
  assert.deepEqual([refused.code, at(refused.json, 'message')], [400, 'field label not supported: spec.x']);
});

test('pages go on through one snapshot, also with a selector, whatever is written between', async () => {
  await using server = await startTestServer();
  const { admin } = server;
  await fill(admin, 'a', 'b', 'c', 'd', 'e');
  for (const selector of ['', '&labelSelector=name!%3Db']) {
    const first = await admin.send('GET', `${configMaps}?limit=2${selector}`);
    assert.equal(at(first.json, 'metadata.remainingItemCount'), selector === '' ? 3 : undefined);
    await admin.send('DELETE', `${configMaps}/d`);
    await admin.send('POST', configMaps, configMap('cc', {}, { labels: { name: 'cc' } }));
    const token = String(at(first.json, 'metadata.continue'));
    const rest = await admin.send('GET', `${configMaps}?limit=9&continue=${token}${selector}`);
    const expected = selector === '' ? ['a', 'b', 'c', 'd', 'e'] : ['a', 'c', 'd', 'e'];
    assert.deepEqual([...names(first.json), ...names(rest.json)], expected);
    assert.equal(at(rest.json, 'metadata.continue'), undefined);
    assert.equal(at(rest.json, 'metadata.resourceVersion'), at(first.json, 'metadata.resourceVersion'));
    await admin.send('DELETE', `${configMaps}/cc`);
    await fill(admin, 'd');
  }
  assert.equal((await admin.send('GET', `${configMaps}?limit=2&continue=nonsense`)).code, 400);
});

test('an exact revision is read as it was; one that is ahead of the server is refused', async () => {
  await using server = await startTestServer();
  const { admin, store } = server;
  await fill(admin, 'a');
  const then = store.revision;
  await fill(admin, 'b');
  const old = await admin.send('GET', `${configMaps}?resourceVersion=${then}&resourceVersionMatch=Exact`);
  assert.deepEqual(names(old.json), ['a']);
  assert.deepEqual(names((await admin.send('GET', `${configMaps}?resourceVersion=0`)).json), ['a', 'b']);
  const ahead = await admin.send('GET', `${configMaps}?resourceVersion=99999`);
  assert.deepEqual([ahead.code, at(ahead.json, 'details.causes.0.reason')], [504, 'ResourceVersionTooLarge']);
});

test('tables carry the columns and metadata of each object; partial lists only metadata', async () => {
  await using server = await startTestServer();
  const { admin } = server;
  await admin.send('POST', configMaps, configMap('a', { x: '1', y: '2' }));
  const { json } = await admin.send('GET', configMaps, undefined, tableType);
  assert.deepEqual(
    (at(json, 'columnDefinitions') as unknown[]).map((each) => at(each, 'name')),
    ['Name', 'Data', 'Age'],
  );
  assert.deepEqual((at(json, 'rows.0.cells') as unknown[]).slice(0, 2), ['a', 2]);
  assert.deepEqual(Object.keys(at(json, 'rows.0.object') as object), ['kind', 'apiVersion', 'metadata']);
  const one = await admin.send('GET', `${configMaps}/a?includeObject=None`, undefined, tableType);
  assert.deepEqual([at(one.json, 'kind'), at(one.json, 'rows.0.object')], ['Table', undefined]);
  const partial = await admin.send('GET', configMaps, undefined, partialList);
  assert.deepEqual(
    [at(partial.json, 'kind'), at(partial.json, 'items.0.data')],
    ['PartialObjectMetadataList', undefined],
  );
});

test('YAML is taken and given; protobuf alone is not acceptable', async () => {
  await using server = await startTestServer();
  const { admin } = server;
  const yaml = { 'content-type': 'application/yaml', accept: 'application/yaml' };
  const made = await admin.send('POST', configMaps, 'metadata: {name: a}\ndata:\n  x: "1"\n', yaml);
  assert.equal(made.code, 201, made.text);
  assert.match(made.text, /^data:\n {2}x: "1"$/m);
  const refused = await admin.send('GET', configMaps, undefined, { accept: 'application/vnd.kubernetes.protobuf' });
  assert.equal(refused.code, 406);
});

test('a watch with no resourceVersion begins with what there is, then tells every change once', async () => {
  await using server = await startTestServer();
  const { admin } = server;
  await fill(admin, 'a');
  const watch = await admin.watch(`${configMaps}?watch=true`);
  const next = async (): Promise<string> => {
    const line = await watch.next();
    return `${String(at(line, 'type'))} ${String(at(line, 'object.metadata.name'))}`;
  };
  assert.equal(await next(), 'ADDED a');
  await fill(admin, 'b');
  assert.equal(await next(), 'ADDED b');
  await admin.send(
    'PATCH',
    `${configMaps}/b`,
    { data: { x: '1' } },
    { 'content-type': 'application/merge-patch+json' },
  );
  assert.equal(await next(), 'MODIFIED b');
  const before = server.store.revision;
  await admin.send('DELETE', `${configMaps}/b`);
  const deleted = await watch.next();
  assert.deepEqual(
    [at(deleted, 'type'), at(deleted, 'object.data.x'), at(deleted, 'object.metadata.resourceVersion')],
    ['DELETED', '1', String(before + 1)],
  );
  watch.close();
});

test('a watch resumes after a resourceVersion, within its namespace only', async () => {
  await using server = await startTestServer();
  const { admin, store } = server;
  await fill(admin, 'a');
  const then = store.revision;
  await admin.send('POST', '/api/v1/namespaces/kube-public/configmaps', configMap('elsewhere'));
  await fill(admin, 'b');
  const watch = await admin.watch(`${configMaps}?watch=1&resourceVersion=${then}`);
  assert.equal(at(await watch.next(), 'object.metadata.name'), 'b');
  watch.close();
});

test('an object that comes into a selection is ADDED, one that leaves it is DELETED as it last was', async () => {
  await using server = await startTestServer();
  const { admin, store } = server;
  await admin.send('POST', accounts, account);
  const watch = await admin.watch(
    `${podsPath}?watch=true&fieldSelector=spec.nodeName%3Dn1&labelSelector=in&resourceVersion=${store.revision}`,
  );
  await admin.send('POST', podsPath, pod('p', { nodeName: 'n1' }));
  await admin.send('POST', podsPath, pod('other', { nodeName: 'n2' }, { labels: { in: '' } }));
  const relabel = (labels: object): Promise<unknown> =>
    admin.send('PATCH', `${podsPath}/p`, { metadata: { labels } }, { 'content-type': 'application/merge-patch+json' });
  await relabel({ in: 'yes' });
  const added = await watch.next();
  assert.deepEqual([at(added, 'type'), at(added, 'object.metadata.name')], ['ADDED', 'p']);
  await relabel({ more: 'x' });
  assert.equal(at(await watch.next(), 'type'), 'MODIFIED');
  await relabel({ in: null });
  const left = await watch.next();
  assert.deepEqual(
    [at(left, 'type'), at(left, 'object.metadata.labels.in'), at(left, 'object.metadata.resourceVersion')],
    ['DELETED', 'yes', String(store.revision)],
  );
  watch.close();
});

test('the first table of a watch names the columns, the next ones do not', async () => {
  await using server = await startTestServer();
  const { admin } = server;
  await fill(admin, 'a', 'b');
  const watch = await admin.watch(`${configMaps}?watch=true`, tableType);
  const columns = async (): Promise<number> => (at(await watch.next(), 'object.columnDefinitions') as unknown[]).length;
  assert.deepEqual([await columns(), await columns()], [3, 0]);
  watch.close();
});

test('a watch from a revision this store never had is told to list again', async () => {
  await using server = await startTestServer();
  const { admin, store } = server;
  const watch = await admin.watch(`${configMaps}?watch=1&resourceVersion=${store.revision + 1000}`);
  const line = await watch.next();
  assert.deepEqual([at(line, 'type'), at(line, 'object.code')], ['ERROR', 410]);
  watch.close();
});

test('sendInitialEvents ends them with a bookmark; a timeout ends the watch, with a bookmark before', async () => {
  await using server = await startTestServer();
  const { admin, store } = server;
  await fill(admin, 'a');
  const query =
    'watch=true&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&timeoutSeconds=1';
  const watch = await admin.watch(`${configMaps}?${query}`);
  assert.equal(at(await watch.next(), 'type'), 'ADDED');
  const end = await watch.next();
  assert.deepEqual(
    [at(end, 'type'), at(end, 'object.metadata.annotations'), at(end, 'object.metadata.resourceVersion')],
    ['BOOKMARK', { 'k8s.io/initial-events-end': 'true' }, String(store.revision)],
  );
  assert.equal(at(await watch.next(), 'type'), 'BOOKMARK');
  await assert.rejects(watch.next(), /ended/);
});

test('a watch from a revision that is gone is told so by an ERROR with 410', async () => {
  await using server = await startTestServer();
  const { admin, store } = server;
  await fill(admin, 'a');
  await server.restart();
  await fill(admin, 'b');
  const watch = await admin.watch(`${configMaps}?watch=true&resourceVersion=1`);
  const line = await watch.next();
  assert.deepEqual([at(line, 'type'), at(line, 'object.code'), at(line, 'object.reason')], ['ERROR', 410, 'Expired']);
  assert.ok(store.revision > 1);
});

test('a thousand large initial events arrive whole, in order, with what is written meanwhile behind them', async () => {
  await using server = await startTestServer();
  const { admin } = server;
  const data = { x: 'y'.repeat(20_000) };
  const name = (index: number): string => `c${String(index).padStart(4, '0')}`;
  await Promise.all(
    Array.from({ length: 1000 }, (_, index) => admin.send('POST', configMaps, configMap(name(index), data))),
  );
  const watch = await admin.watch(`${configMaps}?watch=true`);
  await admin.send('POST', configMaps, configMap('after'));
  for (let index = 0; index < 1000; index++) assert.equal(at(await watch.next(), 'object.metadata.name'), name(index));
  assert.equal(at(await watch.next(), 'object.metadata.name'), 'after');
  watch.close();
});
