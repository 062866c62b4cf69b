import assert from 'node:assert/strict';
import test from 'node:test';
import { at, type Answer, type TestClient } from '../testing/client.ts';
import { account, accounts, configMap, configMaps, pod, podsPath } from '../testing/objects.ts';
import { startTestServer } from '../testing/server.ts';

const message = (answer: Answer): unknown => at(answer.json, 'message');
const merge = { 'content-type': 'application/merge-patch+json' };

async function created(admin: TestClient, object: object): Promise<Answer> {
  const answer = await admin.send('POST', configMaps, object);
  assert.equal(answer.code, 201, answer.text);
  return answer;
}

test('create fills what the server says, get answers the same bytes, a second create is refused', async () => {
  await using server = await startTestServer();
  const { admin } = server;
  const sent = configMap(
    'a',
    { x: 'y' },
    { uid: 'mine', selfLink: '/x', managedFields: [], deletionGracePeriodSeconds: 3 },
  );
  const { json, text } = await created(admin, sent);
  assert.match(String(at(json, 'metadata.uid')), /^[0-9a-f]{8}-[0-9a-f-]{27}$/);
  assert.match(String(at(json, 'metadata.creationTimestamp')), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.match(String(at(json, 'metadata.resourceVersion')), /^\d+$/);
  assert.deepEqual(Object.keys(at(json, 'metadata') as object).sort(), [
    'creationTimestamp',
    'name',
    'namespace',
    'resourceVersion',
    'uid',
  ]);
  assert.equal((await admin.send('GET', `${configMaps}/a`)).text, text);
  const again = await admin.send('POST', configMaps, sent);
  assert.deepEqual(
    [again.code, at(again.json, 'reason'), message(again)],
    [409, 'AlreadyExists', 'configmaps "a" already exists'],
  );
});

test('generateName makes a name of its own each time', async () => {
  await using server = await startTestServer();
  const object = { kind: 'ConfigMap', apiVersion: 'v1', metadata: { generateName: 'web-' } };
  const names = [await created(server.admin, object), await created(server.admin, object)].map(({ json }) =>
    String(at(json, 'metadata.name')),
  );
  for (const name of names) assert.match(name, /^web-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  assert.notEqual(names[0], names[1]);
});

test('what cannot be found, read or placed is refused in upstream’s words', async () => {
  await using server = await startTestServer();
  const { admin } = server;
  const cases: readonly [string, string, unknown, number, string][] = [
    ['GET', `${configMaps}/none`, undefined, 404, 'configmaps "none" not found'],
    ['GET', '/apis/apps/v1/namespaces/default/deployments/none', undefined, 404, 'deployments.apps "none" not found'],
    ['GET', '/apis/none/v1/things', undefined, 404, 'the server could not find the requested resource'],
    ['PUT', configMaps, configMap('a'), 405, 'the server does not allow this method on the requested resource'],
    [
      'POST',
      configMaps,
      configMap('a', {}, { namespace: 'other' }),
      400,
      'the namespace of the provided object does not match the namespace sent on the request',
    ],
    ['POST', '/api/v1/namespaces/none/configmaps', configMap('a'), 404, 'namespaces "none" not found'],
    [
      'POST',
      configMaps,
      { ...configMap('a'), apiVersion: 'v2' },
      400,
      'the API version in the data (v2) does not match the expected API version (v1)',
    ],
    ['POST', configMaps, configMap('A_b'), 422, ''],
  ];
  for (const [method, path, body, code, text] of cases) {
    const answer = await admin.send(method, path, body);
    assert.equal(answer.code, code, `${method} ${path}: ${answer.text}`);
    assert.equal(at(answer.json, 'kind'), 'Status');
    if (text !== '') assert.equal(message(answer), text);
  }
});

test('fieldValidation: Strict refuses unknown fields, Warn names them, Ignore drops them; wrong types are always refused', async () => {
  await using server = await startTestServer();
  const { admin } = server;
  const sent = { ...configMap('a'), foo: 1, metadata: { name: 'a', bar: 'x' } };
  const strict = await admin.send('POST', `${configMaps}?fieldValidation=Strict`, sent);
  assert.equal(strict.code, 400);
  assert.match(String(message(strict)), /^strict decoding error: unknown field "(foo|metadata\.bar)", unknown field/);
  const warned = await admin.send('POST', `${configMaps}?fieldValidation=Warn&dryRun=All`, sent);
  assert.match(String(warned.headers['warning']), /299 - "unknown field \\"foo\\""/);
  const ignored = await admin.send('POST', `${configMaps}?fieldValidation=Ignore`, sent);
  assert.deepEqual([ignored.code, ignored.headers['warning'], at(ignored.json, 'foo')], [201, undefined, undefined]);
  const wrong = await admin.send('POST', configMaps, { ...configMap('b'), data: { x: 1 } });
  assert.equal(wrong.code, 400, wrong.text);
});

test('a stale resourceVersion is 409, none is unconditional, another uid is 409', async () => {
  await using server = await startTestServer();
  const { admin } = server;
  const first = await created(admin, configMap('a', { x: '1' }));
  const version = at(first.json, 'metadata.resourceVersion');
  const put = (data: object, metadata: object): Promise<Answer> =>
    admin.send('PUT', `${configMaps}/a`, { ...configMap('a', {}, metadata), data });
  assert.equal((await put({ x: '2' }, { resourceVersion: version })).code, 200);
  const stale = await put({ x: '3' }, { resourceVersion: version });
  assert.deepEqual([stale.code, at(stale.json, 'reason')], [409, 'Conflict']);
  assert.equal(
    message(stale),
    'Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again',
  );
  const free = await put({ x: '4' }, {});
  assert.deepEqual(
    [free.code, at(free.json, 'data.x'), at(free.json, 'metadata.uid')],
    [200, '4', at(first.json, 'metadata.uid')],
  );
  assert.equal((await put({ x: '5' }, { uid: 'another' })).code, 409);
});

test('an update that changes nothing writes nothing, whatever the order of its keys', async () => {
  await using server = await startTestServer();
  const { admin, store } = server;
  const { json } = await created(admin, configMap('a', { x: '1', y: '2' }));
  const before = store.revision;
  const same = await admin.send('PUT', `${configMaps}/a`, { ...configMap('a'), data: { y: '2', x: '1' } });
  assert.deepEqual([same.code, store.revision], [200, before]);
  assert.equal(at(same.json, 'metadata.resourceVersion'), at(json, 'metadata.resourceVersion'));
});

test('patches: merge, JSON, strategic; with a resourceVersion they are conditional; apply is refused', async () => {
  await using server = await startTestServer();
  const { admin } = server;
  await created(admin, configMap('a', { x: '1' }, { labels: { l: 'm' } }));
  const patch = (type: string, body: unknown): Promise<Answer> =>
    admin.send('PATCH', `${configMaps}/a`, body, { 'content-type': `application/${type}` });
  const merged = await patch('merge-patch+json', { data: { y: '2' }, metadata: { labels: null } });
  assert.deepEqual([at(merged.json, 'data'), at(merged.json, 'metadata.labels')], [{ x: '1', y: '2' }, undefined]);
  const json = await patch('json-patch+json', [{ op: 'replace', path: '/data/x', value: '9' }]);
  assert.equal(at(json.json, 'data.x'), '9');
  const strategic = await patch('strategic-merge-patch+json', { data: { x: null } });
  assert.deepEqual(at(strategic.json, 'data'), { y: '2' });
  assert.equal((await patch('merge-patch+json', { metadata: { resourceVersion: '1' }, data: { z: '1' } })).code, 409);
  assert.equal((await patch('merge-patch+json', { metadata: { name: 'b' } })).code, 400);
  assert.equal((await patch('apply-patch+yaml', '{}')).code, 415);
  assert.equal((await patch('json', {})).code, 415);
});

test('fifty patches at once all come through', async () => {
  await using server = await startTestServer();
  const { admin } = server;
  await created(admin, configMap('a'));
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, index) =>
      admin.send('PATCH', `${configMaps}/a`, { data: { [`k${index}`]: 'v' } }, merge),
    ),
  );
  assert.deepEqual([...new Set(answers.map(({ code }) => code))], [200]);
  const { json } = await admin.send('GET', `${configMaps}/a`);
  assert.equal(Object.keys(at(json, 'data') as object).length, 50);
});

test('dry run answers and writes nothing', async () => {
  await using server = await startTestServer();
  const { admin, store } = server;
  await created(admin, configMap('a', { x: '1' }));
  const before = store.revision;
  const made = await admin.send('POST', `${configMaps}?dryRun=All`, configMap('b'));
  assert.deepEqual([made.code, at(made.json, 'metadata.resourceVersion')], [201, undefined]);
  const patched = await admin.send('PATCH', `${configMaps}/a?dryRun=All`, { data: { x: '2' } }, merge);
  assert.equal(at(patched.json, 'data.x'), '2');
  assert.equal((await admin.send('DELETE', `${configMaps}/a?dryRun=All`)).code, 200);
  assert.equal(store.revision, before);
  assert.equal((await admin.send('POST', `${configMaps}?dryRun=Some`, configMap('b'))).code, 400);
});

test('delete: a Status when it is gone, preconditions, finalizers hold, their removal lets go', async () => {
  await using server = await startTestServer();
  const { admin } = server;
  const { json } = await created(admin, configMap('a'));
  const wrong = await admin.send('DELETE', `${configMaps}/a`, { preconditions: { uid: 'other' } });
  assert.equal(wrong.code, 409);
  assert.match(String(message(wrong)), /Precondition failed: UID in precondition: other, UID in object meta: /);
  const gone = await admin.send('DELETE', `${configMaps}/a`);
  assert.deepEqual([at(gone.json, 'status'), at(gone.json, 'details.uid')], ['Success', at(json, 'metadata.uid')]);

  await created(admin, configMap('held', {}, { finalizers: ['example.com/hold'] }));
  const marked = await admin.send('DELETE', `${configMaps}/held`);
  assert.deepEqual([at(marked.json, 'kind'), at(marked.json, 'metadata.deletionGracePeriodSeconds')], ['ConfigMap', 0]);
  const added = await admin.send(
    'PATCH',
    `${configMaps}/held`,
    { metadata: { finalizers: ['example.com/hold', 'example.com/new'] } },
    merge,
  );
  assert.equal(added.code, 422);
  assert.equal((await admin.send('PATCH', `${configMaps}/held`, { metadata: { finalizers: null } }, merge)).code, 200);
  assert.equal((await admin.send('GET', `${configMaps}/held`)).code, 404);
});

test('the propagation policy becomes a finalizer for the garbage collector', async () => {
  await using server = await startTestServer();
  const { admin } = server;
  for (const [policy, finalizer] of [
    ['Foreground', 'foregroundDeletion'],
    ['Orphan', 'orphan'],
  ]) {
    await created(admin, configMap(`a-${policy?.toLowerCase()}`));
    const { json } = await admin.send('DELETE', `${configMaps}/a-${policy?.toLowerCase()}`, {
      propagationPolicy: policy,
    });
    assert.deepEqual(at(json, 'metadata.finalizers'), [finalizer]);
  }
  assert.equal((await admin.send('DELETE', `${configMaps}/a-orphan`, { propagationPolicy: 'Sometimes' })).code, 400);
});

test('a pod on a node gets its grace period, shorter ones bring the end forward, 0 ends it', async () => {
  await using server = await startTestServer();
  const { admin } = server;
  await admin.send('POST', accounts, account);
  assert.equal((await admin.send('POST', podsPath, pod('p'))).code, 201);
  const binding = {
    kind: 'Binding',
    apiVersion: 'v1',
    metadata: { name: 'p' },
    target: { kind: 'Node', name: 'node1' },
  };
  assert.equal((await admin.send('POST', `${podsPath}/p/binding`, binding)).code, 201);
  const twice = await admin.send('POST', `${podsPath}/p/binding`, binding);
  assert.deepEqual(
    [twice.code, message(twice)],
    [409, 'Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "node1"'],
  );
  const bound = await admin.send('GET', `${podsPath}/p`);
  assert.deepEqual(
    [at(bound.json, 'spec.nodeName'), at(bound.json, 'status.conditions.0.type')],
    ['node1', 'PodScheduled'],
  );

  const marked = await admin.send('DELETE', `${podsPath}/p`);
  assert.equal(at(marked.json, 'metadata.deletionGracePeriodSeconds'), 30);
  const later = await admin.send('DELETE', `${podsPath}/p`, { gracePeriodSeconds: 60 });
  assert.equal(at(later.json, 'metadata.deletionTimestamp'), at(marked.json, 'metadata.deletionTimestamp'));
  const sooner = await admin.send('DELETE', `${podsPath}/p`, { gracePeriodSeconds: 5 });
  const moved =
    Date.parse(String(at(marked.json, 'metadata.deletionTimestamp'))) -
    Date.parse(String(at(sooner.json, 'metadata.deletionTimestamp')));
  assert.deepEqual([moved, at(sooner.json, 'metadata.deletionGracePeriodSeconds')], [25_000, 5]);
  assert.equal((await admin.send('DELETE', `${podsPath}/p`, { gracePeriodSeconds: 0 })).code, 200);
  assert.equal((await admin.send('GET', `${podsPath}/p`)).code, 404);
});

test('status is written by its own path only', async () => {
  await using server = await startTestServer();
  const { admin } = server;
  await admin.send('POST', accounts, account);
  await admin.send('POST', podsPath, pod('p'));
  const strategic = { 'content-type': 'application/strategic-merge-patch+json' };
  const main = await admin.send('PATCH', `${podsPath}/p`, { status: { phase: 'Running' } }, strategic);
  assert.equal(at(main.json, 'status.phase'), 'Pending');
  const status = await admin.send(
    'PATCH',
    `${podsPath}/p/status`,
    { status: { phase: 'Running' }, spec: { nodeName: 'x' } },
    strategic,
  );
  assert.deepEqual([at(status.json, 'status.phase'), at(status.json, 'spec.nodeName')], ['Running', undefined]);
});

test('a namespace waits for its finalizer, and nothing new is made in it', async () => {
  await using server = await startTestServer();
  const { admin } = server;
  await admin.send('POST', '/api/v1/namespaces', { metadata: { name: 'n' } });
  const marked = await admin.send('DELETE', '/api/v1/namespaces/n');
  assert.equal(at(marked.json, 'status.phase'), 'Terminating');
  const refused = await admin.send('POST', '/api/v1/namespaces/n/configmaps', configMap('a'));
  assert.equal(refused.code, 403);
  assert.equal(at(refused.json, 'details.causes.0.reason'), 'NamespaceTerminating');
  const done = { ...(marked.json as object), spec: { finalizers: [] } };
  assert.equal((await admin.send('PUT', '/api/v1/namespaces/n/finalize', done)).code, 200);
  assert.equal((await admin.send('GET', '/api/v1/namespaces/n')).code, 404);
});

test('deletion of a collection takes what is selected', async () => {
  await using server = await startTestServer();
  const { admin } = server;
  for (const name of ['a', 'b', 'c'])
    await created(admin, configMap(name, {}, { labels: { keep: String(name === 'b') } }));
  const { json } = await admin.send('DELETE', `${configMaps}?labelSelector=keep%3Dfalse`);
  assert.deepEqual((at(json, 'items') as unknown[]).map((item) => at(item, 'metadata.name')).sort(), ['a', 'c']);
  const left = await admin.send('GET', configMaps);
  assert.deepEqual(
    (at(left.json, 'items') as unknown[]).map((item) => at(item, 'metadata.name')),
    ['b'],
  );
});

test('scale is read and written as autoscaling/v1 Scale', async () => {
  await using server = await startTestServer();
  const { admin } = server;
  const path = '/apis/apps/v1/namespaces/default/deployments';
  const labels = { app: 'w' };
  const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }] } };
  const spec = { replicas: 2, selector: { matchLabels: labels }, template };
  assert.equal((await admin.send('POST', path, { metadata: { name: 'w' }, spec })).code, 201);
  const { json } = await admin.send('GET', `${path}/w/scale`);
  assert.deepEqual(
    [at(json, 'kind'), at(json, 'spec'), at(json, 'status.selector')],
    ['Scale', { replicas: 2 }, 'app=w'],
  );
  assert.equal(
    at((await admin.send('PATCH', `${path}/w/scale`, { spec: { replicas: 5 } }, merge)).json, 'spec.replicas'),
    5,
  );
  assert.equal((await admin.send('PUT', `${path}/w/scale`, json)).code, 409);
  const after = await admin.send('GET', `${path}/w`);
  assert.deepEqual([at(after.json, 'spec.replicas'), at(after.json, 'metadata.generation')], [5, 2]);
});

test('a body that is too large is refused before it is read', async () => {
  await using server = await startTestServer();
  const answer = await server.admin
    .send('POST', configMaps, configMap('a', { x: 'y'.repeat(4 * 1024 * 1024) }))
    .catch(() => undefined);
  // The client may still be sending when the connection ends.
  assert.ok(answer === undefined || answer.code === 413, String(answer?.code));
  assert.equal((await server.admin.send('GET', `${configMaps}/a`)).code, 404);
});
