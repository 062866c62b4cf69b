import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod, PodStatus } from '../../api/types.gen.ts';
import { podsToDelete } from './pod-ranking.ts';

const now = new Date('2026-01-01T12:00:00Z');

interface Facts {
  readonly node?: string;
  readonly phase?: string;
  readonly readySince?: string;
  readonly created?: string;
  readonly restarts?: number;
  readonly cost?: string;
}

function pod(name: string, facts: Facts = {}): Pod {
  const { node = 'n1', phase = 'Running', readySince, created = '2026-01-01T00:00:00Z', restarts = 0, cost } = facts;
  const status: PodStatus = {
    phase,
    containerStatuses: [{ name: 'c', image: '', imageID: '', ready: true, restartCount: restarts }],
  };
  if (readySince !== undefined) {
    status.conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: readySince }];
  }
  const annotations: Record<string, string> =
    cost === undefined ? {} : { 'controller.kubernetes.io/pod-deletion-cost': cost };
  return {
    metadata: { name, uid: name, creationTimestamp: created, annotations },
    spec: { containers: [], nodeName: node },
    status,
  };
}

const ready = '2026-01-01T00:00:00Z';

describe('the pod that goes first', () => {
  const cases: readonly { name: string; first: Pod; second: Pod; related?: Pod[] }[] = [
    { name: 'has no node', first: pod('z', { node: '', phase: 'Pending' }), second: pod('a') },
    { name: 'is pending', first: pod('z', { phase: 'Pending' }), second: pod('a') },
    { name: 'is unknown rather than running', first: pod('z', { phase: 'Unknown' }), second: pod('a') },
    { name: 'is not ready', first: pod('z'), second: pod('a', { readySince: ready }) },
    {
      name: 'costs less to delete',
      first: pod('z', { readySince: ready, cost: '-1' }),
      second: pod('a', { readySince: ready }),
    },
    {
      name: 'has more neighbours on its node',
      first: pod('z', { readySince: ready, node: 'n2' }),
      second: pod('a', { readySince: ready }),
      related: [pod('x', { node: 'n2' }), pod('y', { node: 'n2' }), pod('w', { node: 'n1' })],
    },
    {
      name: 'has been ready for a much shorter time',
      first: pod('z', { readySince: '2026-01-01T11:59:00Z' }),
      second: pod('a', { readySince: ready }),
    },
    {
      name: 'has restarted more often',
      first: pod('z', { readySince: ready, restarts: 3 }),
      second: pod('a', { readySince: ready }),
    },
    {
      name: 'is much newer',
      first: pod('z', { readySince: ready, created: '2026-01-01T11:00:00Z' }),
      second: pod('a', { readySince: ready }),
    },
    {
      name: 'has the smaller UID when both are about as old',
      first: pod('a', { readySince: ready, created: '2026-01-01T00:00:01Z' }),
      second: pod('b', { readySince: ready }),
    },
  ];
  for (const { name, first, second, related = [] } of cases) {
    it(name, () => {
      assert.deepEqual(podsToDelete([second, first], related, 1, now), [first]);
      assert.deepEqual(podsToDelete([first, second], related, 1, now), [first]);
    });
  }

  it('neighbours that are going do not count', () => {
    const leaving = pod('x', { node: 'n2' });
    leaving.metadata.deletionTimestamp = ready;
    const [first, second] = [
      pod('a', { readySince: ready }),
      pod('z', { readySince: ready, node: 'n2', created: '2025-01-01T00:00:00Z' }),
    ];
    assert.deepEqual(podsToDelete([second, first], [leaving], 1, now), [first]);
  });
});
