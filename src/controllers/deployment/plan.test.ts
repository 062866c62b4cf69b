import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Deployment, DeploymentSpec, ReplicaSet } from '../../api/types.gen.ts';
import { planDeployment, type DeploymentPlan } from './plan.ts';

const now = new Date('2026-01-01T00:10:00Z');

function deployment(spec: Partial<DeploymentSpec>, rest: Partial<Deployment> = {}): Deployment {
  return {
    metadata: { namespace: 'n', name: 'web', uid: 'd', generation: 1 },
    spec: {
      replicas: 4,
      progressDeadlineSeconds: 60,
      selector: { matchLabels: { app: 'web' } },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } },
      template: { spec: { containers: [{ name: 'c', image: 'v1' }] } },
      ...spec,
    },
    ...rest,
  };
}

/** A ReplicaSet of `image`, sized for a Deployment of `desired` + 1 surge. */
function set(image: string, replicas: number, available = replicas, desired = 4, revision = 1): ReplicaSet {
  return {
    metadata: {
      namespace: 'n',
      name: `web-${image}`,
      uid: image,
      creationTimestamp: `2026-01-01T00:00:0${revision}Z`,
      annotations: {
        'deployment.kubernetes.io/revision': String(revision),
        'deployment.kubernetes.io/desired-replicas': String(desired),
        'deployment.kubernetes.io/max-replicas': String(desired + 1),
      },
    },
    spec: { replicas, selector: {}, template: { spec: { containers: [{ name: 'c', image }] } } },
    status: { replicas, readyReplicas: available, availableReplicas: available },
  };
}

function plan(subject: Deployment, replicaSets: ReplicaSet[], hasPods = false): DeploymentPlan {
  return planDeployment({ deployment: subject, replicaSets, hasPods: () => hasPods, now });
}

const sizes = ({ update }: DeploymentPlan): Record<string, number | undefined> =>
  Object.fromEntries(
    update.map(({ to }) => [to.spec?.template?.spec?.containers[0]?.image ?? '', to.spec?.replicas] as const),
  );
const progress = ({ status }: DeploymentPlan): string | undefined =>
  status.conditions?.find(({ type }) => type === 'Progressing')?.reason;

describe('the plan for a Deployment', () => {
  it('is one ReplicaSet, at once of full size, when there is none', () => {
    const { create, update, revision, status } = plan(deployment({}), []);
    assert.equal(create?.spec?.replicas, 4);
    assert.equal(create?.metadata.ownerReferences?.[0]?.blockOwnerDeletion, true);
    assert.deepEqual([update, revision, status.replicas], [[], '1', undefined]);
  });

  it('is nothing when all is as it should be', () => {
    const result = plan(deployment({}), [set('v1', 4)]);
    assert.deepEqual([result.create, result.update, result.remove], [undefined, [], []]);
    assert.equal(progress(result), 'NewReplicaSetAvailable');
    assert.equal(result.requeueAfterMs, undefined);
  });

  it('moves both ways in one step within the fence posts', () => {
    const template = { spec: { containers: [{ name: 'c', image: 'v2' }] } };
    const result = plan(deployment({ template }), [set('v1', 4)]);
    assert.equal(result.create?.spec?.replicas, 1);
    assert.deepEqual(sizes(result), { v1: 3 });
    assert.equal(result.revision, '2');
  });

  it('raises the revision of a ReplicaSet that becomes the newest again', () => {
    const result = plan(deployment({}), [set('v1', 0, 0, 4, 1), set('v2', 4, 4, 4, 2)]);
    const back = result.update.find(({ to }) => to.metadata.name === 'web-v1')?.to.metadata.annotations;
    assert.equal(back?.['deployment.kubernetes.io/revision'], '3');
    assert.equal(back?.['deployment.kubernetes.io/revision-history'], '1');
    assert.deepEqual(sizes(result), { v1: 1, v2: 3 });
  });

  it('counts on from a revision that is larger than a double can hold', () => {
    const old = set('v1', 4);
    Object.assign(old.metadata.annotations ?? {}, { 'deployment.kubernetes.io/revision': '3546343826724305832' });
    const template = { spec: { containers: [{ name: 'c', image: 'v2' }] } };
    assert.equal(plan(deployment({ template }), [old]).revision, '3546343826724305833');
  });

  it('scales what is there when the count changes, and only then', () => {
    assert.deepEqual(sizes(plan(deployment({ replicas: 6 }), [set('v1', 4)])), { v1: 6 });
    assert.deepEqual(sizes(plan(deployment({ replicas: 0 }), [set('v1', 4)])), { v1: 0 });
  });

  it('keeps the proportion of a rollout under way when the count changes', () => {
    const old = set('v1', 8, 8, 10, 1);
    const fresh = set('v2', 3, 3, 10, 2);
    const template = { spec: { containers: [{ name: 'c', image: 'v2' }] } };
    // 8 and 3 of 10+1, now 20+1: 8·21/11 = 15.3, 3·21/11 = 5.7.
    assert.deepEqual(sizes(plan(deployment({ replicas: 20, template }), [old, fresh])), { v1: 15, v2: 6 });
  });

  it('hands down changed annotations, but not its own', () => {
    const annotations = { 'kubernetes.io/change-cause': 'why', 'deployment.kubernetes.io/revision': '1' };
    const subject = deployment({}, { metadata: { name: 'web', uid: 'd', generation: 1, annotations } });
    const [change] = plan(subject, [set('v1', 4)]).update;
    assert.equal(change?.to.metadata.annotations?.['kubernetes.io/change-cause'], 'why');
    assert.deepEqual(plan(subject, change === undefined ? [] : [change.to]).update, []);
  });

  it('waits with Recreate until the old pods have gone', () => {
    const template = { spec: { containers: [{ name: 'c', image: 'v2' }] } };
    const subject = deployment({ strategy: { type: 'Recreate' }, template });
    const running = plan(subject, [set('v1', 4)]);
    assert.deepEqual([running.create, sizes(running)], [undefined, { v1: 0 }]);
    assert.equal(plan(subject, [set('v1', 0)], true).create, undefined);
    assert.equal(plan(subject, [set('v1', 0)], false).create?.spec?.replicas, 4);
  });

  it('removes history beyond the limit, oldest first, when the rollout is over', () => {
    const settled = (image: string, revision: number): ReplicaSet => {
      const old = set(image, 0, 0, 4, revision);
      return { ...old, metadata: { ...old.metadata, generation: 2 }, status: { replicas: 0, observedGeneration: 2 } };
    };
    const history = [settled('a', 1), settled('b', 2), settled('c', 3)];
    const subject = deployment({ revisionHistoryLimit: 1 });
    const names = (result: DeploymentPlan): (string | undefined)[] =>
      result.remove.map(({ metadata }) => metadata.name);
    assert.deepEqual(names(plan(subject, [...history, set('v1', 4, 4, 4, 4)])), ['web-a', 'web-b']);
    assert.deepEqual(names(plan(subject, [...history, set('v1', 4, 1, 4, 4)])), []);
  });
});

describe('the progress deadline', () => {
  const started = (lastUpdateTime: string): Deployment =>
    deployment(
      {},
      {
        status: {
          observedGeneration: 1,
          replicas: 4,
          updatedReplicas: 4,
          readyReplicas: 2,
          availableReplicas: 2,
          conditions: [
            {
              type: 'Progressing',
              status: 'True',
              reason: 'ReplicaSetUpdated',
              lastUpdateTime,
              lastTransitionTime: lastUpdateTime,
            },
          ],
        },
      },
    );

  it('is waited for', () => {
    const result = plan(started('2026-01-01T00:09:30Z'), [set('v1', 4, 2)]);
    assert.equal(progress(result), 'ReplicaSetUpdated');
    assert.equal(result.requeueAfterMs, 31_000);
  });

  it('starts anew with every pod that becomes available', () => {
    const result = plan(started('2026-01-01T00:09:30Z'), [set('v1', 4, 3)]);
    const condition = result.status.conditions?.find(({ type }) => type === 'Progressing');
    assert.equal(condition?.lastUpdateTime, '2026-01-01T00:10:00Z');
    assert.equal(condition?.lastTransitionTime, '2026-01-01T00:09:30Z');
  });

  it('passes', () => {
    const result = plan(started('2026-01-01T00:08:00Z'), [set('v1', 4, 2)]);
    assert.equal(progress(result), 'ProgressDeadlineExceeded');
    assert.equal(result.requeueAfterMs, undefined);
  });

  it('does not run while paused', () => {
    const subject = started('2026-01-01T00:08:00Z');
    const paused = { ...subject, spec: { selector: {}, template: {}, ...subject.spec, paused: true } };
    assert.equal(progress(plan(paused, [set('v1', 4, 2)])), 'DeploymentPaused');
  });
});
