import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../api/types.gen.ts';
import { mirrorOf, planMirror, type MirrorInput } from './plan-mirror.ts';

function staticPod(hash: string, more: Pod['metadata'] = {}): Pod {
  return {
    metadata: {
      name: 'web-node1',
      namespace: 'default',
      uid: hash,
      labels: { app: 'web' },
      annotations: { 'kubernetes.io/config.hash': hash, 'kubernetes.io/config.source': 'file' },
      ...more,
    },
    spec: { nodeName: 'node1', containers: [{ name: 'main', image: 'busybox' }] },
  };
}

function mirror(hash: string, more: Pod['metadata'] = {}): Pod {
  const made = mirrorOf(staticPod(hash), 'uid-of-node1');
  return { ...made, metadata: { ...made.metadata, uid: 'uid-of-mirror', ...more } };
}

function plan(input: Partial<MirrorInput>): string {
  const full = { wanted: undefined, ending: undefined, mirror: undefined, nodeUid: 'uid-of-node1', ...input };
  const result = planMirror(full);
  return result.kind === 'delete' ? `delete in ${result.graceSeconds} s` : result.kind;
}

test('a mirror shows the pod, belongs to the Node and names the pod by its hash', () => {
  assert.deepEqual(mirrorOf(staticPod('h1'), 'uid-of-node1'), {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'web-node1',
      namespace: 'default',
      labels: { app: 'web' },
      annotations: {
        'kubernetes.io/config.hash': 'h1',
        'kubernetes.io/config.source': 'file',
        'kubernetes.io/config.mirror': 'h1',
      },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'node1', uid: 'uid-of-node1', controller: true }],
    },
    spec: { nodeName: 'node1', containers: [{ name: 'main', image: 'busybox' }] },
  });
});

const deleted = { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 7 };
const cases: readonly [string, Partial<MirrorInput>, string][] = [
  ['nothing anywhere', {}, 'nothing'],
  ['a pod without a mirror', { wanted: staticPod('h1') }, 'create'],
  ['before the node is registered', { wanted: staticPod('h1'), nodeUid: undefined }, 'nothing'],
  ['a pod and its mirror', { wanted: staticPod('h1'), mirror: mirror('h1') }, 'nothing'],
  ['the mirror of another pod', { wanted: staticPod('h2'), mirror: mirror('h1') }, 'delete in 0 s'],
  ['somebody deletes the mirror', { wanted: staticPod('h1'), mirror: mirror('h1', deleted) }, 'delete in 0 s'],
  ['another Node object', { wanted: staticPod('h1'), mirror: mirror('h1'), nodeUid: 'new' }, 'delete in 0 s'],
  ['a mirror without a pod', { mirror: mirror('h1') }, 'delete in 0 s'],
  ['the file is gone, its pod ends', { ending: staticPod('h1', deleted), mirror: mirror('h1') }, 'delete in 7 s'],
  ['and is told so already', { ending: staticPod('h1', deleted), mirror: mirror('h1', deleted) }, 'nothing'],
  ['it ends without a mirror', { ending: staticPod('h1', deleted) }, 'nothing'],
  ['the next pod waits for it', { ending: staticPod('h1', deleted), wanted: staticPod('h2') }, 'nothing'],
];

for (const [what, input, expected] of cases) test(`${what}: ${expected}`, () => assert.equal(plan(input), expected));
