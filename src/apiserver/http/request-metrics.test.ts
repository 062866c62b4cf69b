import assert from 'node:assert/strict';
import test from 'node:test';
import { startTestServer } from '../testing/server.ts';

test('metrics count requests by what was asked, and only those who may see them', async () => {
  await using server = await startTestServer();
  const { admin } = server;
  await admin.send('GET', '/api/v1/namespaces/default/configmaps/none');
  await admin.send('GET', '/api/v1/namespaces/default/configmaps');
  await admin.send('GET', '/api/v1/namespaces/default/madeup/none');
  const { text, headers } = await admin.send('GET', '/metrics');
  assert.match(String(headers['content-type']), /^text\/plain; version=0\.0\.4/);
  const line = (verb: string, scope: string, code: number): string =>
    `apiserver_request_total{verb="${verb}",group="",version="v1",resource="configmaps",subresource="",scope="${scope}",code="${code}"} 1\n`;
  assert.ok(text.includes(line('GET', 'resource', 404)), text);
  assert.ok(text.includes(line('LIST', 'namespace', 200)), text);
  assert.equal(text.includes('madeup'), false);
  assert.match(text, /^process_resident_memory_bytes \d+$/m);
  const jane = await server.clientAs('jane');
  assert.equal((await jane.send('GET', '/metrics')).code, 403);
});
