import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../../api/logger.ts';
import { pods } from '../../api/resources.ts';
import type { ContainerStatus, Pod, PodSpec } from '../../api/types.gen.ts';
import { createFakeApi } from '../testing/fake-api.ts';
import { containerStatuses } from './container-statuses.ts';
import { statusPatch } from './diff.ts';
import { phaseOf } from './phase.ts';
import { qosClassOf } from './qos.ts';
import { createStatusManager } from './status-manager.ts';

function pod(spec: Partial<PodSpec>): Pod {
  return {
    metadata: { name: 'web', namespace: 'default', uid: 'u1' },
    spec: { containers: [{ name: 'a' }, { name: 'b' }], ...spec },
  };
}

/** `r` running, `w` waiting, `0` or `7` ended with that code, `w7` waiting after it. */
function status(name: string, text: string): ContainerStatus {
  const base = { name, image: '', imageID: '', ready: false, restartCount: 0, started: text === 'r' };
  if (text === 'r') return { ...base, state: { running: {} } };
  if (text === 'w') return { ...base, state: { waiting: {} } };
  if (text.startsWith('w'))
    return { ...base, state: { waiting: {} }, lastState: { terminated: { exitCode: Number(text.slice(1)) } } };
  return { ...base, state: { terminated: { exitCode: Number(text) } } };
}

const phases: [policy: string, containers: [string, string], isTerminal: boolean, expected: string][] = [
  ['Always', ['w', 'w'], false, 'Pending'],
  ['Always', ['r', 'w'], false, 'Pending'],
  ['Always', ['r', 'r'], false, 'Running'],
  ['Always', ['r', '1'], false, 'Running'],
  ['Always', ['0', '0'], false, 'Running'],
  ['Always', ['0', '0'], true, 'Succeeded'],
  ['Always', ['0', '137'], true, 'Failed'],
  ['Always', ['w1', 'r'], false, 'Running'],
  ['OnFailure', ['0', '0'], false, 'Succeeded'],
  ['OnFailure', ['0', 'w1'], false, 'Running'],
  ['Never', ['0', '1'], false, 'Failed'],
  ['Never', ['0', 'r'], false, 'Running'],
  ['Never', ['0', '0'], false, 'Succeeded'],
];

for (const [restartPolicy, [a, b], isTerminal, expected] of phases) {
  test(`phase: ${restartPolicy}, ${a} and ${b}${isTerminal ? ', ending' : ''}: ${expected}`, () => {
    const app = [status('a', a), status('b', b)];
    assert.equal(phaseOf(pod({ restartPolicy }), { init: [], app }, isTerminal), expected);
  });
}

const initPhases: [string, string, string, string, string][] = [
  ['Always', 'w', 'w', 'w', 'Pending'],
  ['Always', 'w1', 'w', 'w', 'Pending'],
  ['Never', '1', 'w', 'w', 'Failed'],
  ['Never', '0', 'w', 'w', 'Pending'],
  ['Never', '0', 'r', 'r', 'Running'],
];

for (const [restartPolicy, init, a, b, expected] of initPhases) {
  test(`phase: ${restartPolicy}, init ${init}, then ${a} and ${b}: ${expected}`, () => {
    const statuses = { init: [status('i', init)], app: [status('a', a), status('b', b)] };
    assert.equal(phaseOf(pod({ restartPolicy, initContainers: [{ name: 'i' }] }), statuses, false), expected);
  });
}

const both = { cpu: '1', memory: '1Gi' };
const classes: [string, PodSpec['containers'], string][] = [
  ['nothing asked for', [{ name: 'a' }], 'BestEffort'],
  ['limits only', [{ name: 'a', resources: { limits: both } }], 'Guaranteed'],
  [
    'equal, written otherwise',
    [{ name: 'a', resources: { limits: both, requests: { cpu: '1000m', memory: '1024Mi' } } }],
    'Guaranteed',
  ],
  ['less asked than allowed', [{ name: 'a', resources: { limits: both, requests: { cpu: '1m' } } }], 'Burstable'],
  ['one of two asks', [{ name: 'a', resources: { limits: both } }, { name: 'b' }], 'Burstable'],
];

for (const [what, containers, expected] of classes) {
  test(`class: ${what}: ${expected}`, () => assert.equal(qosClassOf(pod({ containers })), expected));
}

for (const [restartPolicy, expected] of [
  ['Never', 'StartError'],
  ['OnFailure', 'RunContainerError'],
] as const) {
  test(`a container that could not be started, policy ${restartPolicy}: its state is ${expected}`, () => {
    const end = { state: 'exited', exitCode: 128, reason: 'StartError', message: 'no such file' } as const;
    const times = { createdAt: '', startedAt: undefined, finishedAt: undefined };
    const ids = { id: 'c1', sandboxId: 's1', imageId: '', image: '', logPath: '', pid: undefined };
    const { app } = containerStatuses({
      pod: pod({ restartPolicy, containers: [{ name: 'a' }] }),
      view: { sandboxes: [], containers: [{ name: 'a', attempt: 0, ...ids, ...times, ...end }] },
      waiting: new Map([['a', { reason: 'RunContainerError' }]]),
      probes: { isReady: () => true, isStarted: () => true },
      terminationMessage: () => undefined,
    });
    const { terminated, waiting } = app[0]?.state ?? {};
    assert.equal(terminated?.reason ?? waiting?.reason, expected);
  });
}

test('the patch holds what changed, and takes away by key what is gone', () => {
  const before = {
    phase: 'Pending',
    reason: 'Old',
    podIPs: [{ ip: '10.0.0.1' }],
    conditions: [
      { type: 'Ready', status: 'False', reason: 'X' },
      { type: 'Other', status: 'True' },
    ],
  };
  const after = {
    phase: 'Pending',
    podIPs: [{ ip: '10.0.0.2' }],
    conditions: [
      { type: 'Ready', status: 'True' },
      { type: 'Other', status: 'True' },
    ],
  };
  assert.deepEqual(statusPatch(before, after), {
    reason: null,
    podIPs: [{ ip: '10.0.0.2' }, { $patch: 'delete', ip: '10.0.0.1' }],
    conditions: [{ type: 'Ready', status: 'True', reason: null }],
  });
  assert.equal(statusPatch(after, structuredClone(after)), undefined);
});

test('a status that was replaced before it could be sent is never sent', async () => {
  const api = createFakeApi();
  const ending = new AbortController();
  const stored = api.put(pods, pod({}));
  const manager = createStatusManager({ client: api.client, logger: silentLogger, signal: ending.signal });
  api.down = true;
  manager.set(stored, { phase: 'Pending' });
  await new Promise((resolve) => setTimeout(resolve, 20));
  manager.set(stored, { phase: 'Running' });
  assert.equal(manager.newest(stored).status?.phase, 'Running');
  api.down = false;
  await manager.settled('u1');
  assert.equal(api.find(pods, 'default/web')?.status?.phase, 'Running');
  assert.deepEqual(api.calls, ['patch pods/status default/web']);
  ending.abort();
});

test('a status of no urgency goes with the next one, or alone when it is waited for', async () => {
  const api = createFakeApi();
  const ending = new AbortController();
  const stored = api.put(pods, pod({}));
  const manager = createStatusManager({ client: api.client, logger: silentLogger, signal: ending.signal });
  manager.set(stored, { phase: 'Pending' }, 'soon');
  assert.equal(manager.newest(stored).status?.phase, 'Pending');
  manager.set(stored, { phase: 'Running' });
  await manager.settled('u1');
  assert.deepEqual(api.calls, ['patch pods/status default/web']);
  manager.set(stored, { phase: 'Succeeded' }, 'soon');
  await manager.settled('u1');
  assert.equal(api.find(pods, 'default/web')?.status?.phase, 'Succeeded');
  ending.abort();
});

test('a pod of the same name is not told what another one did', async () => {
  const api = createFakeApi();
  const ending = new AbortController();
  const old = api.put(pods, pod({}));
  api.markDeleted(pods, 'default/web', 0);
  api.put(pods, { ...pod({}), metadata: { name: 'web', namespace: 'default', uid: 'u2' } });
  const manager = createStatusManager({ client: api.client, logger: silentLogger, signal: ending.signal });
  manager.set(old, { phase: 'Failed' });
  await new Promise((resolve) => setTimeout(resolve, 30));
  manager.forget('u1');
  ending.abort();
  assert.equal(api.find(pods, 'default/web')?.status, undefined);
});
