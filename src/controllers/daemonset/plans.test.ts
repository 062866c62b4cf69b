/** Where pods belong, and one step of a rolling update, as tables. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DaemonSet, DaemonSetUpdateStrategy, Node, Pod, Taint } from '../../api/types.gen.ts';
import { placementOn, specForNode } from './placement.ts';
import { planPlaces } from './plan-places.ts';
import { planRollout } from './plan-rollout.ts';
import { daemonSetStatus } from './status.ts';
import { placesOf, type PodPlan, type World } from './world.ts';

const now = new Date('2026-01-01T01:00:00Z');

function daemonSet(updateStrategy: DaemonSetUpdateStrategy = { type: 'OnDelete' }, template: object = {}): DaemonSet {
  return {
    metadata: { name: 'agent', namespace: 'kube-system', uid: 'ds', generation: 4 },
    spec: {
      selector: { matchLabels: { app: 'agent' } },
      updateStrategy,
      template: { metadata: { labels: { app: 'agent' } }, spec: { containers: [], ...template } },
    },
  };
}

function node(name: string, taints: Taint[] = [], labels: Record<string, string> = {}): Node {
  return { metadata: { name, labels }, spec: { taints } };
}

/** `node1 new ready`, `node2 old`, `node3 old ready leaving`, `node1 new failed` */
function pod(text: string, index: number): Pod {
  const [on = '', hash = '', ...facts] = text.split(' ');
  const isReady = facts.includes('ready');
  return {
    metadata: {
      name: text,
      uid: text,
      creationTimestamp: `2026-01-01T00:00:0${index}Z`,
      labels: { app: 'agent', 'controller-revision-hash': hash },
      ...(facts.includes('leaving') ? { deletionTimestamp: '2026-01-01T00:59:59Z' } : {}),
    },
    spec: { containers: [], ...(facts.includes('unbound') ? specForNode({ containers: [] }, on) : { nodeName: on }) },
    status: {
      phase: facts.includes('failed') ? 'Failed' : 'Running',
      conditions: isReady ? [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }] : [],
    },
  };
}

function world(set: DaemonSet, pods: readonly string[], nodes = [node('node1'), node('node2'), node('node3')]): World {
  return { daemonSet: set, hash: 'new', now, places: placesOf(set, nodes, pods.map(pod)) };
}

const names = ({ create, remove }: PodPlan): unknown => [
  [...create].sort(),
  remove.map(({ metadata }) => metadata.name).sort(),
];

describe('where a pod belongs', () => {
  const cases: [string, Node, object, boolean, boolean][] = [
    ['a plain node', node('node1'), {}, true, true],
    [
      'an unschedulable node',
      node('node1', [{ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }]),
      {},
      true,
      true,
    ],
    [
      'a node that is not ready',
      node('node1', [
        { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' },
        { key: 'node.kubernetes.io/not-ready', effect: 'NoExecute' },
      ]),
      {},
      false,
      true,
    ],
    ['a node kept for others', node('node1', [{ key: 'team', value: 'a', effect: 'NoSchedule' }]), {}, false, true],
    ['a node cleared for others', node('node1', [{ key: 'team', value: 'a', effect: 'NoExecute' }]), {}, false, false],
    [
      'a node without network',
      node('node1', [{ key: 'node.kubernetes.io/network-unavailable', effect: 'NoSchedule' }]),
      {},
      false,
      true,
    ],
    [
      'a node without network, for a pod that needs none',
      node('node1', [{ key: 'node.kubernetes.io/network-unavailable', effect: 'NoSchedule' }]),
      { hostNetwork: true },
      true,
      true,
    ],
    ['a node with the label', node('node1', [], { disk: 'ssd' }), { nodeSelector: { disk: 'ssd' } }, true, true],
    ['a node without the label', node('node1'), { nodeSelector: { disk: 'ssd' } }, false, false],
    ['another node than the one named', node('node1'), { nodeName: 'node2' }, false, false],
  ];
  for (const [what, on, template, shouldRun, mayStay] of cases) {
    it(what, () => assert.deepEqual(placementOn(daemonSet(undefined, template), on), { shouldRun, mayStay }));
  }

  it('the pod for a node can be put nowhere else, keeps the rest of its affinity, and tolerates what daemons do', () => {
    const podAffinity = { requiredDuringSchedulingIgnoredDuringExecution: [] };
    const spec = specForNode(
      { containers: [], affinity: { podAffinity }, tolerations: [{ key: 'team', operator: 'Exists' }] },
      'node2',
    );
    assert.deepEqual(spec.affinity, {
      podAffinity,
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['node2'] }] }],
        },
      },
    });
    assert.deepEqual(
      spec.tolerations?.map(({ key, effect = '' }) => `${key}:${effect}`),
      [
        'team:',
        'node.kubernetes.io/not-ready:NoExecute',
        'node.kubernetes.io/unreachable:NoExecute',
        'node.kubernetes.io/disk-pressure:NoSchedule',
        'node.kubernetes.io/memory-pressure:NoSchedule',
        'node.kubernetes.io/pid-pressure:NoSchedule',
        'node.kubernetes.io/unschedulable:NoSchedule',
      ],
    );
  });
});

describe('one pod a node', () => {
  const surge: DaemonSetUpdateStrategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } };
  const cases: [string, readonly string[], DaemonSetUpdateStrategy | undefined, string[], string[]][] = [
    ['none yet', [], undefined, ['node1', 'node2', 'node3'], []],
    ['one waits for its node', ['node1 new unbound', 'node2 new', 'node3 new'], undefined, [], []],
    ['the old one is still leaving', ['node1 old leaving', 'node2 new', 'node3 new'], undefined, [], []],
    ['two: the older stays', ['node1 new', 'node1 old', 'node2 new', 'node3 new'], undefined, [], ['node1 old']],
    ['one has failed', ['node1 new failed', 'node2 new', 'node3 new'], undefined, [], ['node1 new failed']],
    [
      'its node has gone before it came',
      ['node9 new unbound', 'node1 new', 'node2 new', 'node3 new'],
      undefined,
      [],
      ['node9 new unbound'],
    ],
    ['its node has gone', ['node9 new', 'node1 new', 'node2 new', 'node3 new'], undefined, [], []],
    ['surge: old and new side by side', ['node1 old ready', 'node1 new', 'node2 new', 'node3 new'], surge, [], []],
    [
      'surge: the new one works',
      ['node1 old ready', 'node1 new ready', 'node2 new', 'node3 new'],
      surge,
      [],
      ['node1 old ready'],
    ],
    [
      'surge: the old one no longer works',
      ['node1 old', 'node1 new', 'node2 new', 'node3 new'],
      surge,
      [],
      ['node1 old'],
    ],
    ['surge: the only one is leaving', ['node1 old leaving', 'node2 new', 'node3 new'], surge, ['node1'], []],
  ];
  for (const [what, pods, strategy, create, remove] of cases) {
    it(what, () => assert.deepEqual(names(planPlaces(world(daemonSet(strategy), pods))), [create, remove]));
  }

  it('a node that is cleared loses its pod', () => {
    const nodes = [node('node1', [{ key: 'team', effect: 'NoExecute' }]), node('node2')];
    assert.deepEqual(names(planPlaces(world(daemonSet(), ['node1 new', 'node2 new'], nodes))), [[], ['node1 new']]);
  });
});

describe('a step of a rolling update', () => {
  const old = ['node1 old ready', 'node2 old ready', 'node3 old ready'];
  const down = (maxUnavailable: number | string): DaemonSetUpdateStrategy => ({
    type: 'RollingUpdate',
    rollingUpdate: { maxUnavailable, maxSurge: 0 },
  });
  const up = (maxSurge: number | string): DaemonSetUpdateStrategy => ({
    type: 'RollingUpdate',
    rollingUpdate: { maxUnavailable: 0, maxSurge },
  });
  const cases: [string, DaemonSetUpdateStrategy, readonly string[], string[], string[]][] = [
    ['OnDelete leaves all', { type: 'OnDelete' }, old, [], []],
    ['one may be missing', down(1), old, [], ['node1 old ready']],
    ['two may be missing', down(2), old, [], ['node1 old ready', 'node2 old ready']],
    ['a third of three, rounded up', down('34%'), old, [], ['node1 old ready', 'node2 old ready']],
    ['one is on its way out', down(1), ['node1 old ready leaving', ...old.slice(1)], [], []],
    ['a new one is not ready', down(1), ['node1 new', ...old.slice(1)], [], []],
    ['a new one is ready', down(1), ['node1 new ready', ...old.slice(1)], [], ['node2 old ready']],
    ['broken ones go at once', down(1), ['node1 old', 'node2 old', 'node3 old ready'], [], ['node1 old', 'node2 old']],
    ['all is new', down(1), ['node1 new ready', 'node2 new ready', 'node3 new ready'], [], []],
    ['one more may be there', up(1), old, ['node1'], []],
    ['all at once', up('100%'), old, ['node1', 'node2', 'node3'], []],
    ['the surge is under way', up(1), ['node1 old ready', 'node1 new', ...old.slice(1)], [], []],
    [
      'the surge has come through',
      up(1),
      ['node1 old ready', 'node1 new ready', ...old.slice(1)],
      ['node2'],
      ['node1 old ready'],
    ],
    ['a broken one costs no surge', up(1), ['node1 old', ...old.slice(1)], ['node1', 'node2'], []],
  ];
  for (const [what, strategy, pods, create, remove] of cases) {
    it(what, () => assert.deepEqual(names(planRollout(world(daemonSet(strategy), pods))), [create, remove]));
  }
});

describe('the status', () => {
  it('counts nodes, not pods', () => {
    const nodes = [node('node1'), node('node2'), node('node3'), node('node4', [{ key: 'team', effect: 'NoSchedule' }])];
    const pods = ['node1 new ready', 'node2 old ready', 'node2 new', 'node4 old ready'];
    assert.deepEqual(daemonSetStatus(world(daemonSet(), pods, nodes)).status, {
      desiredNumberScheduled: 3,
      currentNumberScheduled: 2,
      numberMisscheduled: 1,
      numberReady: 2,
      updatedNumberScheduled: 1,
      numberAvailable: 2,
      numberUnavailable: 1,
      observedGeneration: 4,
    });
  });

  it('a pod is available after minReadySeconds', () => {
    const set = daemonSet();
    set.spec = { ...set.spec!, minReadySeconds: 3700 };
    const { status, nextAvailableMs } = daemonSetStatus(world(set, ['node1 new ready'], [node('node1')]));
    assert.equal(status.numberReady, 1);
    assert.equal(status.numberAvailable, undefined);
    assert.equal(nextAvailableMs, 100_000);
  });
});
