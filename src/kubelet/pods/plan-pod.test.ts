import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container, Pod, PodSpec } from '../../api/types.gen.ts';
import type { ContainerStatus, PodSandboxStatus } from '../../runtime/contract.ts';
import type { BackOffEntry } from './back-off.ts';
import { planPod, type PodActions } from './plan-pod.ts';

const now = Date.parse('2026-01-01T01:00:00Z');

function pod(spec: Partial<PodSpec>): Pod {
  return {
    metadata: { name: 'web', namespace: 'default', uid: 'u1' },
    spec: { containers: [{ name: 'main' }], ...spec },
  };
}

function sandbox(attempt: number, state: 'ready' | 'notready' = 'ready'): PodSandboxStatus {
  const identity = { namespace: 'default', name: 'web', uid: 'u1', attempt };
  return {
    id: `s${attempt}`,
    pod: identity,
    state,
    createdAt: '',
    ips: ['10.1.0.2'],
    netns: undefined,
    labels: {},
    annotations: {},
  };
}

/** `main:1 exited 3 @s0`: name, attempt, state, exit code, sandbox. Ended ten minutes before now unless it says so. */
function container(text: string, endedSecondsAgo = 600): ContainerStatus {
  const match = /^(\w+):(\d+) (\w+) ?(\d+)? @(\w*)$/.exec(text);
  assert.ok(match, text);
  const [, name = '', attempt = '', state = '', exitCode, sandboxId = ''] = match;
  return {
    id: `${name}${attempt}`,
    sandboxId,
    name,
    attempt: Number(attempt),
    state: state as ContainerStatus['state'],
    createdAt: new Date(now - 3_600_000).toISOString(),
    startedAt: undefined,
    finishedAt: state === 'exited' ? new Date(now - endedSecondsAgo * 1000).toISOString() : undefined,
    exitCode: exitCode === undefined ? undefined : Number(exitCode),
    reason: undefined,
    message: undefined,
    imageId: '',
    image: '',
    logPath: '',
    pid: undefined,
  };
}

interface Given {
  readonly spec?: Partial<PodSpec>;
  readonly sandboxes?: readonly PodSandboxStatus[];
  readonly containers?: readonly ContainerStatus[];
  readonly backOff?: Readonly<Record<string, BackOffEntry>>;
  readonly failed?: Readonly<Record<string, 'liveness' | 'startup'>>;
  readonly notStarted?: readonly string[];
}

function plan({
  spec = {},
  sandboxes = [],
  containers = [],
  backOff = {},
  failed = {},
  notStarted = [],
}: Given): PodActions {
  return planPod({
    pod: pod(spec),
    view: { sandboxes, containers },
    nowMs: now,
    backOff: new Map(Object.entries(backOff)),
    failedProbe: (id) => failed[id],
    isStarted: (id) => !notStarted.includes(id),
  });
}

/** One line: what happens to the sandbox, what starts, what is killed, what waits. */
function show({ sandbox: box, start, kill, waiting }: PodActions): string {
  const where =
    box.kind === 'create' ? `create ${box.attempt}` : box.kind === 'stop' ? `stop ${box.ids.join(',')}` : box.kind;
  const parts = [
    where,
    ...start.map(({ name, attempt }) => `+${name}:${attempt}`),
    ...kill.map(({ id }) => `-${id}`),
    ...waiting.map(({ name, untilMs }) => `${name} waits ${(untilMs - now) / 1000}s`),
  ];
  return parts.join(' ');
}

const two: Container[] = [{ name: 'main' }, { name: 'second' }];
const inits: Container[] = [{ name: 'one' }, { name: 'two' }];
const side: Container[] = [{ name: 'proxy', restartPolicy: 'Always' }];
const always = { restartPolicy: 'Always' };
const onFailure = { restartPolicy: 'OnFailure' };
const never = { restartPolicy: 'Never' };
const ready = [sandbox(0)];

const cases: Readonly<Record<string, [Given, string]>> = {
  'a new pod': [{}, 'create 0 +main:0'],
  'a new pod of two': [{ spec: { containers: two } }, 'create 0 +main:0 +second:0'],
  'a sandbox and nothing in it': [{ sandboxes: ready }, 'keep +main:0'],
  'all runs': [{ sandboxes: ready, containers: [container('main:0 running @s0')] }, 'keep'],
  'one of two ended': [
    {
      spec: { containers: two },
      sandboxes: ready,
      containers: [container('main:0 running @s0'), container('second:0 exited 1 @s0')],
    },
    'keep +second:1',
  ],
  'ended well, Always': [
    { spec: always, sandboxes: ready, containers: [container('main:0 exited 0 @s0')] },
    'keep +main:1',
  ],
  'ended well, OnFailure': [
    { spec: onFailure, sandboxes: ready, containers: [container('main:0 exited 0 @s0')] },
    'finished',
  ],
  'ended badly, OnFailure': [
    { spec: onFailure, sandboxes: ready, containers: [container('main:0 exited 1 @s0')] },
    'keep +main:1',
  ],
  'ended badly, Never': [{ spec: never, sandboxes: ready, containers: [container('main:0 exited 1 @s0')] }, 'finished'],
  'one of two is over, Never': [
    {
      spec: { ...never, containers: two },
      sandboxes: ready,
      containers: [container('main:0 exited 0 @s0'), container('second:0 running @s0')],
    },
    'keep',
  ],
  'in back-off': [
    {
      sandboxes: ready,
      containers: [container('main:1 exited 1 @s0', 3)],
      backOff: { main: { delayMs: 10_000, raisedAtMs: now - 5_000 } },
    },
    'keep main waits 7s',
  ],
  'back-off is over': [
    {
      sandboxes: ready,
      containers: [container('main:1 exited 1 @s0', 11)],
      backOff: { main: { delayMs: 10_000, raisedAtMs: now - 15_000 } },
    },
    'keep +main:2',
  ],
  'back-off is forgotten after ten minutes of running': [
    {
      sandboxes: ready,
      containers: [container('main:4 exited 1 @s0', 1)],
      backOff: { main: { delayMs: 300_000, raisedAtMs: now - 602_000 } },
    },
    'keep +main:5',
  ],
  'made, but never started': [{ sandboxes: ready, containers: [container('main:0 created @s0')] }, 'keep +main:1'],
  'pause killed': [
    { sandboxes: [sandbox(0, 'notready')], containers: [container('main:0 exited 137 @s0')] },
    'create 1 +main:1',
  ],
  'pause killed, a container is still alive': [
    { sandboxes: [sandbox(0, 'notready')], containers: [container('main:0 running @s0')] },
    'stop s0',
  ],
  'pause killed, Never': [
    { spec: never, sandboxes: [sandbox(0, 'notready')], containers: [container('main:0 exited 137 @s0')] },
    'finished',
  ],
  'pause killed before anything ran, Never': [{ spec: never, sandboxes: [sandbox(0, 'notready')] }, 'create 1 +main:0'],
  'pause killed, OnFailure, one was done': [
    {
      spec: { ...onFailure, containers: two },
      sandboxes: [sandbox(0, 'notready')],
      containers: [container('main:0 exited 0 @s0'), container('second:0 exited 137 @s0')],
    },
    'create 1 +second:1',
  ],
  'pause killed after all was done, OnFailure': [
    { spec: onFailure, sandboxes: [sandbox(0, 'notready')], containers: [container('main:0 exited 0 @s0')] },
    'finished',
  ],
  'two sandboxes claim to be ready': [{ sandboxes: [sandbox(1), sandbox(0)] }, 'stop s0'],
  'init: the first': [{ spec: { initContainers: inits } }, 'create 0 +one:0'],
  'init: the first runs': [
    { spec: { initContainers: inits }, sandboxes: ready, containers: [container('one:0 running @s0')] },
    'keep',
  ],
  'init: the second': [
    { spec: { initContainers: inits }, sandboxes: ready, containers: [container('one:0 exited 0 @s0')] },
    'keep +two:0',
  ],
  'init: all done': [
    {
      spec: { initContainers: inits },
      sandboxes: ready,
      containers: [container('one:0 exited 0 @s0'), container('two:0 exited 0 @s0')],
    },
    'keep +main:0',
  ],
  'init: failed, Always': [
    { spec: { initContainers: inits }, sandboxes: ready, containers: [container('one:0 exited 1 @s0')] },
    'keep +one:1',
  ],
  'init: failed, Never': [
    { spec: { ...never, initContainers: inits }, sandboxes: ready, containers: [container('one:0 exited 1 @s0')] },
    'finished',
  ],
  'init: new sandbox, all over again': [
    {
      spec: { initContainers: inits },
      sandboxes: [sandbox(1), sandbox(0, 'notready')],
      containers: [
        container('main:0 exited 137 @s0'),
        container('one:1 exited 0 @s1'),
        container('two:0 exited 0 @s0'),
      ],
    },
    'keep +two:1',
  ],
  'init: not again when the container restarts': [
    {
      spec: { initContainers: inits },
      sandboxes: ready,
      containers: [container('main:0 exited 1 @s0'), container('one:0 exited 0 @s0'), container('two:0 exited 0 @s0')],
    },
    'keep +main:1',
  ],
  'sidecar: first': [{ spec: { initContainers: side } }, 'create 0 +proxy:0'],
  'sidecar: not started yet': [
    {
      spec: { initContainers: side },
      sandboxes: ready,
      containers: [container('proxy:0 running @s0')],
      notStarted: ['proxy0'],
    },
    'keep',
  ],
  'sidecar: started': [
    { spec: { initContainers: side }, sandboxes: ready, containers: [container('proxy:0 running @s0')] },
    'keep +main:0',
  ],
  'sidecar: fell over beside its pod': [
    {
      spec: { initContainers: side },
      sandboxes: ready,
      containers: [container('proxy:0 exited 1 @s0'), container('main:0 running @s0')],
    },
    'keep +proxy:1',
  ],
  'sidecar: the pod is over': [
    {
      spec: { ...never, initContainers: side },
      sandboxes: ready,
      containers: [container('proxy:0 running @s0'), container('main:0 exited 0 @s0')],
    },
    'finished',
  ],
  'liveness failed': [
    { sandboxes: ready, containers: [container('main:0 running @s0')], failed: { main0: 'liveness' } },
    'keep -main0',
  ],
  'unknown state': [{ sandboxes: ready, containers: [container('main:0 unknown @s0')] }, 'keep -main0'],
  'lost by the runtime, Always': [{ containers: [container('main:2 exited 137 @')] }, 'create 0 +main:3'],
  'lost by the runtime, Never': [{ spec: never, containers: [container('main:0 exited 137 @')] }, 'finished'],
  'own rule of the container: restart on 42': [
    {
      spec: {
        ...never,
        containers: [
          {
            name: 'main',
            restartPolicy: 'Never',
            restartPolicyRules: [{ action: 'Restart', exitCodes: { operator: 'In', values: [42] } }],
          },
        ],
      },
      sandboxes: ready,
      containers: [container('main:0 exited 42 @s0')],
    },
    'keep +main:1',
  ],
};

for (const [name, [given, expected]] of Object.entries(cases)) {
  test(`plan of a pod: ${name}`, () => assert.equal(show(plan(given)), expected));
}
