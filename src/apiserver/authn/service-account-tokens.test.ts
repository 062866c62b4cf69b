import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pods, serviceAccounts } from '../../api/resources.ts';
import type { KubeObject } from '../../api/client.ts';
import { createSigningKey } from '../../pki/index.ts';
import { lookupOf } from '../resources/testing.ts';
import { createServiceAccountTokens } from './service-account-tokens.ts';

const start = Date.parse('2026-03-01T12:00:00Z');
const signing = await createSigningKey();
const issuer = 'https://kubernetes.default.svc';
const robot = { metadata: { name: 'robot', namespace: 'shop', uid: 'r1' } };
const pod = { metadata: { name: 'p', namespace: 'shop', uid: 'p1' } };

/** Whether a token of `robot` for `pod` signs in, `afterSeconds` later, when these objects are there. */
function signsIn(afterSeconds: number, account?: KubeObject, bound?: KubeObject): boolean {
  let now = start;
  const stored = [
    ...(account === undefined ? [] : ([[serviceAccounts, account]] as const)),
    ...(bound === undefined ? [] : ([[pods, bound]] as const)),
  ];
  const tokens = createServiceAccountTokens({ ...signing, issuer }, lookupOf(...stored), () => new Date(now));
  const { token } = tokens.issue({
    account: robot,
    audiences: [],
    seconds: 600,
    bound: { kind: 'Pod', name: 'p', uid: 'p1' },
  });
  now += afterSeconds * 1000;
  return tokens.check(token, [issuer])?.user.name === 'system:serviceaccount:shop:robot';
}

function deletedAt<T extends KubeObject>(object: T, seconds: number): T {
  const deletionTimestamp = new Date(start + seconds * 1000).toISOString();
  return { ...object, metadata: { ...object.metadata, deletionTimestamp } };
}

describe('a token signs in', () => {
  const cases: readonly [string, boolean, ...Parameters<typeof signsIn>][] = [
    ['while its account and its pod are there', true, 0, robot, pod],
    ['until it ends', true, 599, robot, pod],
    ['and not a second longer', false, 600, robot, pod],
    ['not without its account', false, 0, undefined, pod],
    ['not without its pod', false, 0, robot, undefined],
    ['not for an account of the same name', false, 0, { metadata: { ...robot.metadata, uid: 'r2' } }, pod],
    ['not for a pod of the same name', false, 0, robot, { metadata: { ...pod.metadata, uid: 'p2' } }],
    ['while its pod is being ended', true, 100, robot, deletedAt(pod, 130)],
    ['a minute longer, for what the pod has to say', true, 60, robot, deletedAt(pod, 0)],
    ['and then no more, whatever holds the pod', false, 61, robot, deletedAt(pod, 0)],
    ['nor when the account waits for its end', false, 61, deletedAt(robot, 0), pod],
  ];
  for (const [name, expected, ...world] of cases) {
    it(name, () => assert.equal(signsIn(...world), expected));
  }
});
