import assert from 'node:assert/strict';
import test from 'node:test';
import { negotiate } from './accept.ts';
import { parseResourcePath } from './resource-path.ts';

const empty = { group: '', version: 'v1', resource: '', subresource: '', namespace: '', name: '' };

test('paths name their resource', () => {
  const cases: Readonly<Record<string, object | undefined>> = {
    '/api/v1/pods': { resource: 'pods' },
    '/api/v1/namespaces': { resource: 'namespaces' },
    '/api/v1/namespaces/n': { resource: 'namespaces', namespace: 'n', name: 'n' },
    '/api/v1/namespaces/n/finalize': { resource: 'namespaces', namespace: 'n', name: 'n', subresource: 'finalize' },
    '/api/v1/namespaces/n/pods': { resource: 'pods', namespace: 'n' },
    '/api/v1/namespaces/n/pods/p': { resource: 'pods', namespace: 'n', name: 'p' },
    '/api/v1/namespaces/n/pods/p/': { resource: 'pods', namespace: 'n', name: 'p' },
    '/api/v1/namespaces/n/pods/p/log': { resource: 'pods', namespace: 'n', name: 'p', subresource: 'log' },
    '/api/v1/nodes/n/status': { resource: 'nodes', name: 'n', subresource: 'status' },
    '/apis/apps/v1/deployments': { group: 'apps', resource: 'deployments' },
    '/apis/apps/v1/namespaces/n/deployments/d%2De': {
      group: 'apps',
      resource: 'deployments',
      namespace: 'n',
      name: 'd-e',
    },
    '/api': undefined,
    '/api/v1': undefined,
    '/apis/apps/v1': undefined,
    '/healthz': undefined,
    '/api/v1/namespaces/n/pods/p/log/more': undefined,
    '/api/v1/nodes/n/status/more': undefined,
    // Nothing that could reach another object's key.
    '/api/v1/namespaces/n/pods/..': undefined,
    '/api/v1/namespaces/n%2Fpods/pods/p': undefined,
    '/api/v1/namespaces//pods/p': undefined,
  };
  for (const [path, expected] of Object.entries(cases)) {
    assert.deepEqual(parseResourcePath(path), expected === undefined ? undefined : { ...empty, ...expected }, path);
  }
  assert.throws(() => parseResourcePath('/api/v1/pods/%zz'), URIError);
});

test('the first form a client likes and we can make is chosen', () => {
  const table = 'application/json;as=Table;v=v1;g=meta.k8s.io';
  const cases: Readonly<Record<string, readonly [string, string]>> = {
    'application/json': ['object', 'json'],
    '*/*': ['object', 'json'],
    [`${table},application/json`]: ['table', 'json'],
    [`application/json;as=Table;v=v9;g=meta.k8s.io,application/json`]: ['object', 'json'],
    'application/vnd.kubernetes.protobuf, application/json': ['object', 'json'],
    'application/json;q=0.1, application/yaml': ['object', 'yaml'],
    'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io': ['partial', 'json'],
  };
  for (const [accept, [form, encoding]] of Object.entries(cases)) {
    assert.deepEqual(negotiate(accept), { form, encoding }, accept);
  }
  assert.deepEqual(negotiate(undefined), { form: 'object', encoding: 'json' });
  assert.throws(() => negotiate('application/vnd.kubernetes.protobuf'), { code: 406 });
  assert.throws(() => negotiate('text/html'), { code: 406 });
  assert.throws(() => negotiate(table, true), { code: 406 });
  assert.deepEqual(negotiate(`${table},application/json`, true), { form: 'object', encoding: 'json' });
});
