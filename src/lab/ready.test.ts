import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiClient, WatchEvent } from '../api/client.ts';
import type { Node } from '../api/types.gen.ts';
import { waitForNodes } from './ready.ts';

const node = (name: string, status: string, heartbeat = '2026-01-01T00:00:05Z'): Node => ({
  metadata: { name },
  status: { conditions: [{ type: 'Ready', status, lastHeartbeatTime: heartbeat }] },
});

/** Answers LISTs in turn, then one WATCH each; an Error in the place of a list is thrown. */
function scripted(lists: (Node[] | Error)[], watches: Node[][]): ApiClient {
  return {
    list: async () => {
      const next = lists.shift() ?? [];
      if (next instanceof Error) throw next;
      return { metadata: { resourceVersion: '7' }, items: next };
    },
    watch: async function* (): AsyncGenerator<WatchEvent<Node>> {
      for (const object of watches.shift() ?? []) yield { type: 'MODIFIED', object };
    },
  } as unknown as ApiClient;
}

const wait = { signal: new AbortController().signal, since: new Date('2026-01-01T00:00:05.9Z'), restarted: [] };

test('resolves when the last node is Ready, by the watch, through an API that is not up yet and a watch that ends', async () => {
  const seen: string[] = [];
  const client = scripted(
    [new Error('connection refused'), [node('a', 'True'), node('b', 'False')], [node('b', 'False')]],
    [[node('b', 'Unknown')], [node('b', 'True')]],
  );
  const missing = await waitForNodes(client, ['a', 'b'], {
    ...wait,
    onAnswer: () => seen.push('answer'),
    onReady: (name) => seen.push(name),
  });
  assert.deepEqual(missing, []);
  assert.deepEqual(seen, ['answer', 'a', 'b']);
});

test('what a node said before it was started again does not count, what it says in the same second does', async () => {
  const client = scripted([[node('a', 'True', '2026-01-01T00:00:04Z')]], [[node('a', 'True', '2026-01-01T00:00:05Z')]]);
  const seen: string[] = [];
  await waitForNodes(client, ['a'], {
    ...wait,
    restarted: ['a'],
    onAnswer: () => seen.push('answer'),
    onReady: (name) => seen.push(name),
  });
  assert.deepEqual(seen, ['answer', 'a']);
  assert.deepEqual(await waitForNodes(scripted([[node('a', 'True', '2026-01-01T00:00:04Z')]], []), ['a'], wait), []);
});

test('names the nodes that are missing when its time is over', async () => {
  const client = scripted([[node('a', 'True')]], []);
  const missing = await waitForNodes(client, ['a', 'b'], { ...wait, signal: AbortSignal.timeout(50) });
  assert.deepEqual(missing, ['b']);
});
