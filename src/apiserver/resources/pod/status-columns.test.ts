import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ContainerStatus, Pod, PodSpec, PodStatus } from '../../../api/types.gen.ts';
import { podRow } from '../pods.ts';
import { cells, NOW } from '../testing.ts';

const base = { image: 'x', imageID: 'x', restartCount: 0 };
const running = (name: string, more: Partial<ContainerStatus> = {}): ContainerStatus => ({
  ...base,
  name,
  ready: true,
  state: { running: { startedAt: '2026-03-01T11:00:00Z' } },
  ...more,
});
const waiting = (name: string, reason: string, more: Partial<ContainerStatus> = {}): ContainerStatus => ({
  ...base,
  name,
  ready: false,
  state: { waiting: { reason } },
  ...more,
});
const ended = (name: string, exitCode: number, reason?: string, more: object = {}): ContainerStatus => ({
  ...base,
  name,
  ready: false,
  state: { terminated: { exitCode, ...(reason !== undefined && { reason }), ...more } },
});
const lastEnded = (finishedAt: string): Partial<ContainerStatus> => ({
  lastState: { terminated: { exitCode: 1, finishedAt } },
});

interface Case {
  readonly what: string;
  readonly spec?: Partial<PodSpec>;
  readonly status: PodStatus;
  readonly deleted?: boolean;
  readonly shows: readonly [ready: string, status: string, restarts: string];
}

const one = [{ name: 'a' }];
const two = [{ name: 'a' }, { name: 'b' }];
const ready = { type: 'Ready', status: 'True' };

const cases: readonly Case[] = [
  { what: 'not yet placed', status: { phase: 'Pending' }, shows: ['0/1', 'Pending', '0'] },
  {
    what: 'held back by gates',
    status: { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }] },
    shows: ['0/1', 'SchedulingGated', '0'],
  },
  {
    what: 'being made',
    status: { phase: 'Pending', containerStatuses: [waiting('a', 'ContainerCreating')] },
    shows: ['0/1', 'ContainerCreating', '0'],
  },
  {
    what: 'running',
    status: { phase: 'Running', containerStatuses: [running('a')] },
    shows: ['1/1', 'Running', '0'],
  },
  {
    what: 'restarted 5 seconds ago, twice in all',
    status: {
      phase: 'Running',
      containerStatuses: [running('a', { restartCount: 2, ...lastEnded('2026-03-01T11:59:55Z') })],
    },
    shows: ['1/1', 'Running', '2 (5s ago)'],
  },
  {
    what: 'crashing again and again',
    status: {
      phase: 'Running',
      containerStatuses: [waiting('a', 'CrashLoopBackOff', { restartCount: 7, ...lastEnded('2026-03-01T11:57:30Z') })],
    },
    shows: ['0/1', 'CrashLoopBackOff', '7 (2m30s ago)'],
  },
  {
    what: 'without its image',
    status: { phase: 'Pending', containerStatuses: [waiting('a', 'ImagePullBackOff')] },
    shows: ['0/1', 'ImagePullBackOff', '0'],
  },
  {
    what: 'of two containers the first speaks',
    spec: { containers: two },
    status: { phase: 'Running', containerStatuses: [waiting('a', 'CrashLoopBackOff'), waiting('b', 'ErrImagePull')] },
    shows: ['0/2', 'CrashLoopBackOff', '0'],
  },
  {
    what: 'done',
    status: { phase: 'Succeeded', containerStatuses: [ended('a', 0, 'Completed')] },
    shows: ['0/1', 'Completed', '0'],
  },
  {
    what: 'one done, the other running and the pod ready',
    spec: { containers: two },
    status: { phase: 'Running', conditions: [ready], containerStatuses: [ended('a', 0, 'Completed'), running('b')] },
    shows: ['1/2', 'Running', '0'],
  },
  {
    what: 'one done, the other running and the pod not ready',
    spec: { containers: two },
    status: { phase: 'Running', containerStatuses: [ended('a', 0, 'Completed'), running('b')] },
    shows: ['1/2', 'NotReady', '0'],
  },
  {
    what: 'one done, the other failed',
    spec: { containers: two },
    status: { phase: 'Failed', containerStatuses: [ended('a', 0, 'Completed'), ended('b', 3, 'Error')] },
    shows: ['0/2', 'Error', '0'],
  },
  {
    what: 'ended without a reason',
    status: { phase: 'Failed', containerStatuses: [ended('a', 3)] },
    shows: ['0/1', 'ExitCode:3', '0'],
  },
  {
    what: 'killed by a signal',
    status: { phase: 'Failed', containerStatuses: [ended('a', 137, undefined, { signal: 9 })] },
    shows: ['0/1', 'Signal:9', '0'],
  },
  { what: 'evicted', status: { phase: 'Failed', reason: 'Evicted' }, shows: ['0/1', 'Evicted', '0'] },
  {
    what: 'the second of two init containers running',
    spec: { initContainers: two },
    status: {
      phase: 'Pending',
      initContainerStatuses: [ended('a', 0, 'Completed'), running('b', { ready: false })],
      containerStatuses: [waiting('a', 'PodInitializing')],
    },
    shows: ['0/1', 'Init:1/2', '0'],
  },
  {
    what: 'an init container crashing',
    spec: { initContainers: one },
    status: {
      phase: 'Pending',
      initContainerStatuses: [
        waiting('a', 'CrashLoopBackOff', { restartCount: 3, ...lastEnded('2026-03-01T11:59:00Z') }),
      ],
    },
    shows: ['0/1', 'Init:CrashLoopBackOff', '3 (60s ago)'],
  },
  {
    what: 'an init container failed',
    spec: { initContainers: one },
    status: { phase: 'Failed', initContainerStatuses: [ended('a', 1, 'Error')] },
    shows: ['0/1', 'Init:Error', '0'],
  },
  {
    what: 'initialised: restarts of init containers are forgotten',
    spec: { initContainers: [{ name: 'i' }] },
    status: {
      phase: 'Running',
      conditions: [{ type: 'Initialized', status: 'True' }],
      initContainerStatuses: [{ ...ended('i', 0, 'Completed'), restartCount: 4 }],
      containerStatuses: [running('a')],
    },
    shows: ['1/1', 'Running', '0'],
  },
  {
    what: 'a sidecar counts as a container',
    spec: { initContainers: [{ name: 's', restartPolicy: 'Always' }] },
    status: {
      phase: 'Running',
      initContainerStatuses: [running('s', { started: true, restartCount: 1 })],
      containerStatuses: [running('a')],
    },
    shows: ['2/2', 'Running', '1'],
  },
  {
    what: 'being ended',
    deleted: true,
    status: { phase: 'Running', containerStatuses: [running('a')] },
    shows: ['1/1', 'Terminating', '0'],
  },
  {
    what: 'done and being removed',
    deleted: true,
    status: { phase: 'Succeeded', containerStatuses: [ended('a', 0, 'Completed')] },
    shows: ['0/1', 'Completed', '0'],
  },
  {
    what: 'deleted on a node that is lost',
    deleted: true,
    status: { phase: 'Running', reason: 'NodeLost', containerStatuses: [running('a')] },
    shows: ['1/1', 'Unknown', '0'],
  },
];

describe('READY, STATUS and RESTARTS of a pod', () => {
  for (const { what, spec, status, deleted, shows } of cases) {
    it(`${what}: ${shows.join(' ')}`, () => {
      const pod: Pod = {
        metadata: { name: 'p', ...(deleted === true && { deletionTimestamp: '2026-03-01T12:00:10Z' }) },
        spec: { containers: one, ...spec },
        status,
      };
      const { Ready, Status, Restarts } = cells(podRow, pod);
      assert.deepEqual([Ready, Status, Restarts], shows);
    });
  }
});

describe('the other columns of a pod', () => {
  it('of one that is nowhere', () => {
    const shown = cells(podRow, { metadata: { name: 'p' }, spec: { containers: one } });
    assert.deepEqual(
      [shown['Age'], shown['IP'], shown['Node'], shown['Nominated Node'], shown['Readiness Gates']],
      ['<unknown>', '<none>', '<none>', '<none>', '<none>'],
    );
  });

  it('of one that runs', () => {
    const pod: Pod = {
      metadata: { name: 'p', creationTimestamp: '2026-03-01T10:29:00Z' },
      spec: { containers: one, nodeName: 'node1', readinessGates: [{ conditionType: 'g' }, { conditionType: 'h' }] },
      status: { podIPs: [{ ip: '10.45.1.2' }], conditions: [{ type: 'g', status: 'True' }] },
    };
    const shown = cells(podRow, pod, NOW);
    assert.deepEqual(
      [shown['Name'], shown['Age'], shown['IP'], shown['Node'], shown['Readiness Gates']],
      ['p', '91m', '10.45.1.2', 'node1', '1/2'],
    );
  });

  it('the columns stand in the order that kubectl users know, those of -o wide last', () => {
    assert.deepEqual(
      podRow.columns.map(({ name, priority = 0 }) => `${name}${priority === 1 ? ' (wide)' : ''}`),
      [
        'Name',
        'Ready',
        'Status',
        'Restarts',
        'Age',
        'IP (wide)',
        'Node (wide)',
        'Nominated Node (wide)',
        'Readiness Gates (wide)',
      ],
    );
  });
});
