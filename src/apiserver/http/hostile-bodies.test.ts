/** Bodies that somebody who may write sends to do harm: each is refused as the client's fault, and the server goes on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startTestServer } from '../testing/server.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';
const nested = (open: string, close: string, depth: number): string => open.repeat(depth) + close.repeat(depth);
const json = 'application/json';
const protobuf = 'application/vnd.kubernetes.protobuf';
const million = 1_000_000;

/** Name, content type, body, and what is answered. */
const bodies: readonly (readonly [string, string, string, number])[] = [
  ['half an object', json, '{"kind":"ConfigMap","metadata":{"name":"a"', 400],
  ['no object', json, '7', 400],
  ['nothing', json, '', 400],
  ['a list a million deep', json, nested('[', ']', million), 400],
  [
    'an object of 200,000 objects in each other',
    json,
    `{"data":${nested('{"a":', '}', 200_000).replace(':}', ':1}')}}`,
    400,
  ],
  ['20,000 deep where anything may stand', json, `{"metadata":{"name":"a"},"x":${nested('[', ']', 20_000)}}`, 400],
  ['a name with a path', json, '{"metadata":{"name":"../../secrets/a"}}', 422],
  ['a name of a megabyte', json, `{"metadata":{"name":"${'a'.repeat(million)}"}}`, 422],
  ['YAML that multiplies itself', 'application/yaml', yamlBomb(), 400],
  ['YAML 100,000 deep', 'application/yaml', nested('[', ']', 100_000), 400],
  ['garbage behind the prefix of protobuf', protobuf, `k8s\0${'\u00ff'.repeat(1000)}`, 400],
  ['protobuf without its prefix', protobuf, '{}', 400],
  ['another type', 'text/html', '<p>', 415],
  ['four megabytes', json, `{"metadata":{"name":"a"},"data":{"k":"${'x'.repeat(4 * million)}"}}`, 413],
];

function yamlBomb(): string {
  const lines = ['a0: &a0 [x,x,x,x,x,x,x,x,x]'];
  for (let level = 1; level < 10; level++) lines.push(`a${level}: &a${level} [${`*a${level - 1},`.repeat(9)}]`);
  return lines.join('\n');
}

test('bodies that do harm', async (t) => {
  await using server = await startTestServer();
  for (const [what, type, body, code] of bodies)
    await t.test(what, async () => {
      const sent = server.admin.send('POST', configMaps, body, { 'content-type': type });
      const answer = await sent.catch((error: Error) => error);
      // A body that is too long is not read to its end: the connection may break before the answer is heard.
      if (answer instanceof Error) assert.equal(code, 413, answer.message);
      else assert.equal(answer.code, code, answer.text.slice(0, 300));
      assert.equal((await server.admin.send('GET', configMaps)).code, 200);
    });
});

test('keys that are the language’s own are data like any other, and nobody’s prototype', async () => {
  await using server = await startTestServer();
  const own = '{"metadata":{"name":"own","labels":{"a":"b"}},"data":{"__proto__":"x","constructor":"y"}}';
  const { code } = await server.admin.send('POST', configMaps, own);
  assert.ok(code === 201 || code === 422, String(code));
  for (const key of ['__proto__', 'constructor', 'prototype']) {
    const evil = `{"metadata":{"name":"p-${key.replaceAll('_', '')}"},"${key}":{"polluted":"yes"},"data":{"k":"v"}}`;
    await server.admin.send('POST', configMaps, evil);
    for (const type of ['merge', 'strategic-merge'])
      await server.admin.send(
        'PATCH',
        `${configMaps}/own`,
        `{"${key}":{"polluted":"yes"},"metadata":{"${key}":{"polluted":"yes"}}}`,
        {
          'content-type': `application/${type}-patch+json`,
        },
      );
    await server.admin.send('PATCH', `${configMaps}/own`, `[{"op":"add","path":"/${key}/polluted","value":"yes"}]`, {
      'content-type': 'application/json-patch+json',
    });
  }
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
  assert.equal((await server.admin.send('GET', configMaps)).code, 200);
});

test('patches and selectors that do harm', async () => {
  await using server = await startTestServer();
  await server.admin.send('POST', configMaps, { metadata: { name: 'a' }, data: { k: 'v' } });
  const patch = async (type: string, body: string): Promise<number> =>
    (await server.admin.send('PATCH', `${configMaps}/a`, body, { 'content-type': `application/${type}` })).code;
  assert.equal(await patch('merge-patch+json', `{"data":${nested('{"a":', '}', 20_000).replace(':}', ':1}')}}`), 400);
  assert.equal(await patch('strategic-merge-patch+json', `{"data":${nested('[', ']', 20_000)}}`), 400);
  assert.ok(
    (await patch(
      'json-patch+json',
      JSON.stringify(Array.from({ length: 20_000 }, () => ({ op: 'test', path: '/data/k', value: 'v' }))),
    )) >= 400,
  );
  // Copies that double the object each time.
  const doubling = Array.from({ length: 30 }, (_, index) => ({ op: 'copy', from: '/data', path: `/data/x${index}` }));
  assert.ok((await patch('json-patch+json', JSON.stringify(doubling))) >= 400);
  for (const query of [
    `labelSelector=${'a,'.repeat(5000)}`,
    `labelSelector=${encodeURIComponent(`a in (${'('.repeat(5000)}`)}`,
    `fieldSelector=${'='.repeat(5000)}`,
    'limit=-1&continue=%00%ff',
    'resourceVersion=99999999999999999999999',
    'timeoutSeconds=NaN&watch=1&resourceVersion=x',
  ]) {
    const { code } = await server.admin.send('GET', `${configMaps}?${query}`);
    assert.ok(code === 200 || (code >= 400 && code < 500) || code === 504, `${query.slice(0, 60)}: ${code}`);
  }
  for (const path of [
    '/%',
    '/api/v1/%ff',
    '/api/v1/namespaces/..%2f..%2fsecrets',
    '/api/v1/namespaces/default/configmaps/%00',
    '//api//v1',
    `/${'a/'.repeat(10_000)}`,
  ]) {
    const { code } = await server.admin.send('GET', path);
    assert.ok(code >= 400 && code < 500, `${path.slice(0, 60)}: ${code}`);
  }
});
