import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../api/types.gen.ts';
import { ManifestError, readManifest, type PodCheck } from './manifest.ts';

const now = new Date('2026-01-02T03:04:05Z');
const lenient: PodCheck = { shape: () => [], complete: () => [] };

function read(text: string, { path = '/m/web.yaml', nodeName = 'node1', check = lenient } = {}): Pod {
  return readManifest({ path, text, nodeName, check, now });
}

const web = `apiVersion: v1
kind: Pod
metadata:
  name: web
  labels: {app: web}
  annotations: {note: kept}
spec:
  hostNetwork: true
  containers:
  - name: main
    image: busybox
`;

test('a pod is named after its node, stays on it, and says that a file made it', () => {
  const { metadata, spec } = read(web);
  const { uid = '', annotations, ...rest } = metadata;
  assert.deepEqual(rest, {
    name: 'web-node1',
    namespace: 'default',
    creationTimestamp: '2026-01-02T03:04:05Z',
    labels: { app: 'web' },
  });
  assert.match(uid, /^[0-9a-f]{32}$/);
  assert.deepEqual(annotations, {
    note: 'kept',
    'kubernetes.io/config.source': 'file',
    'kubernetes.io/config.hash': uid,
    'kubernetes.io/config.seen': '2026-01-02T03:04:05.000Z',
  });
  assert.deepEqual(spec, {
    hostNetwork: true,
    containers: [{ name: 'main', image: 'busybox' }],
    nodeName: 'node1',
    tolerations: [{ operator: 'Exists', effect: 'NoExecute' }],
  });
});

test('its UID is that of content, path and node; comments and order do not count, JSON is YAML', () => {
  const { uid } = read(web).metadata;
  const json = {
    spec: { containers: [{ image: 'busybox', name: 'main' }], hostNetwork: true },
    metadata: { annotations: { note: 'kept' }, labels: { app: 'web' }, name: 'web' },
    kind: 'Pod',
    apiVersion: 'v1',
  };
  assert.equal(read(`# a word\n${web}`).metadata.uid, uid);
  assert.equal(read(JSON.stringify(json)).metadata.uid, uid);
  assert.notEqual(read(web.replace('busybox', 'other')).metadata.uid, uid);
  assert.notEqual(read(web, { path: '/m/b.yaml' }).metadata.uid, uid);
  assert.notEqual(read(web, { nodeName: 'node2' }).metadata.uid, uid);
});

test('null is not there', () => {
  const { metadata, spec } = read(web.replace('name: web\n', 'name: web\n  namespace: null\n') + '  volumes: null\n');
  assert.equal(metadata.namespace, 'default');
  assert.equal(spec !== undefined && 'volumes' in spec, false);
});

test('a file cannot name its own UID, owner or status', () => {
  const extra = web.replace('  name: web\n', '  name: web\n  uid: mine\n  ownerReferences: [{kind: Node}]\n');
  const { metadata, status } = read(`${extra}status: {phase: Failed}\n`);
  assert.notEqual(metadata.uid, 'mine');
  assert.equal(metadata.ownerReferences, undefined);
  assert.equal(status, undefined);
});

const wrong: readonly [string, string, RegExp][] = [
  ['nothing in it', '# only words\n', /^\/m\/web\.yaml: holds no Pod$/],
  ['a list', '- a\n', /^\/m\/web\.yaml: holds no Pod$/],
  ['another kind', web.replace('kind: Pod', 'kind: Deployment'), /^\/m\/web\.yaml:2: kind: must be Pod$/],
  ['no name', web.replace('  name: web\n', ''), /^\/m\/web\.yaml:3: metadata\.name: is missing$/],
  ['two documents', `${web}---\n${web}`, /^\/m\/web\.yaml:1\d: a second document: a file holds one Pod$/],
  ['broken YAML', web.replace('labels: {app: web}', 'labels: {app: web'), /^\/m\/web\.yaml:\d+: /],
];

for (const [what, text, message] of wrong) {
  test(`${what}: the error names file and line`, () => {
    assert.throws(
      () => read(text),
      (error) => error instanceof ManifestError && message.test(error.message),
    );
  });
}

test('every problem that the check finds is told with its line', () => {
  const check: PodCheck = {
    shape: () => [],
    complete: () => [
      { field: 'spec.containers[0].image', message: 'is bad' },
      { field: 'spec.containers[0].ports[0].hostPort', message: 'is missing' },
      { field: '', message: 'all of it' },
    ],
  };
  assert.throws(() => read(web, { check }), {
    message: [
      '/m/web.yaml:11: spec.containers[0].image: is bad',
      '/m/web.yaml:10: spec.containers[0].ports[0].hostPort: is missing',
      '/m/web.yaml:1: all of it',
    ].join('\n'),
  });
});

test('aliases upon aliases are refused', () => {
  const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
  for (let level = 1; level < 9; level += 1) {
    const list = Array.from({ length: 10 }, () => `*a${level - 1}`).join(', ');
    lines.push(`a${level}: &a${level} [${list}]`);
  }
  assert.throws(() => read(lines.join('\n')), /alias/i);
});
