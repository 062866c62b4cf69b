import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DaemonSet, Deployment, DeploymentSpec, ReplicaSet } from '../../api/types.gen.ts';
import { daemonSetRow } from './daemon-sets.ts';
import { deploymentRow } from './deployments.ts';
import { replicaSetRow } from './replica-sets.ts';
import { cells, create, update } from './testing.ts';

const template = {
  metadata: { labels: { app: 'web' } },
  spec: { containers: [{ name: 'web', image: 'nginx:1' }] },
};
const selector = { matchLabels: { app: 'web' } };
const metadata = { name: 'web', namespace: 'shop', creationTimestamp: '2026-03-01T11:00:00Z' };

const deployment = (spec: Partial<DeploymentSpec> = {}): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata,
  spec: { selector, template, ...spec },
});

describe('a new Deployment', () => {
  it('gets what the API fills in, its template too', () => {
    const { object, errors } = create(deploymentRow, deployment());
    assert.deepEqual(errors, []);
    const { template: filled, ...rest } = object.spec ?? deployment().spec!;
    assert.deepEqual(rest, {
      progressDeadlineSeconds: 600,
      replicas: 1,
      revisionHistoryLimit: 10,
      selector,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
    });
    assert.equal(filled.spec?.restartPolicy, 'Always');
    assert.equal(filled.spec.containers[0]?.imagePullPolicy, 'IfNotPresent');
    assert.equal(filled.spec.enableServiceLinks, undefined);
    assert.deepEqual([object.metadata.generation, object.status], [1, {}]);
  });

  it('may have no replicas', () => {
    assert.equal(create(deploymentRow, deployment({ replicas: 0 })).object.spec?.replicas, 0);
  });

  const cases: readonly { what: string; spec: Partial<DeploymentSpec>; says: readonly string[] }[] = [
    {
      what: 'a selector that does not take its own pods',
      spec: { selector: { matchLabels: { app: 'other' } } },
      says: [
        'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
      ],
    },
    {
      what: 'an empty selector',
      spec: { selector: {} },
      says: ['spec.selector: Invalid value: {}: empty selector is invalid for deployment'],
    },
    {
      what: 'less than no replicas',
      spec: { replicas: -1 },
      says: ['spec.replicas: Invalid value: -1: must be greater than or equal to 0'],
    },
    {
      what: 'pods that do not restart',
      spec: { template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } } },
      says: ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
    },
    {
      what: 'a rolling update that may neither add nor remove',
      spec: { strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: '0%' } } },
      says: ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "0%": may not be 0 when `maxSurge` is 0'],
    },
    {
      what: 'a rolling update by words',
      spec: { strategy: { rollingUpdate: { maxSurge: 'some' } } },
      says: [
        `spec.strategy.rollingUpdate.maxSurge: Invalid value: "some": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%', or '93%', regex used for validation is '[0-9]+%')`,
      ],
    },
    {
      what: 'an unknown strategy',
      spec: { strategy: { type: 'Hope' } },
      says: ['spec.strategy: Unsupported value: {"type":"Hope"}: supported values: "Recreate", "RollingUpdate"'],
    },
    {
      what: 'a deadline that comes before the pods can be ready',
      spec: { minReadySeconds: 600 },
      says: ['spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds'],
    },
  ];
  for (const { what, spec, says } of cases) {
    it(`is refused with ${what}`, () => {
      assert.deepEqual(create(deploymentRow, deployment(spec)).errors, says);
    });
  }
});

describe('a Deployment that is there', () => {
  const old = create(deploymentRow, deployment()).object;

  it('counts changes of its spec and its annotations, not of its labels', () => {
    const generation = (change: (copy: Deployment) => void): number | undefined =>
      update(deploymentRow, old, change).object.metadata.generation;
    assert.equal(
      generation((copy) => Object.assign(copy.spec ?? {}, { replicas: 3 })),
      2,
    );
    assert.equal(
      generation((copy) => (copy.metadata.annotations = { a: 'b' })),
      2,
    );
    assert.equal(
      generation((copy) => (copy.metadata.labels = { a: 'b' })),
      1,
    );
    assert.equal(
      generation((copy) => (copy.status = { replicas: 1 })),
      1,
    );
  });

  it('keeps its selector', () => {
    const { errors } = update(deploymentRow, old, (copy) => {
      copy.spec = { ...deployment().spec!, selector: { matchLabels: { app: 'web', x: 'y' } } };
    });
    assert.deepEqual(errors, [
      'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
      'spec.selector: Invalid value: {"matchLabels":{"app":"web","x":"y"}}: field is immutable',
    ]);
  });

  it('has a status of its own, in which the counts fit', () => {
    const { object, errors } = update(
      deploymentRow,
      old,
      (copy) => {
        copy.status = { replicas: 2, readyReplicas: 3, observedGeneration: 1 };
        Object.assign(copy.spec ?? {}, { replicas: 9 });
      },
      'status',
    );
    assert.equal(object.spec?.replicas, 1);
    assert.deepEqual(errors, ['status.readyReplicas: Invalid value: 3: cannot be greater than status.replicas']);
  });

  it('prints READY, UP-TO-DATE, AVAILABLE and, wide, its template', () => {
    const status = { replicas: 3, readyReplicas: 2, updatedReplicas: 3, availableReplicas: 1 };
    const shown = cells(deploymentRow, { ...deployment({ replicas: 3 }), status });
    assert.deepEqual(Object.values(shown), ['web', '2/3', 3, 1, '60m', 'web', 'nginx:1', 'app=web']);
  });
});

describe('ReplicaSets and DaemonSets', () => {
  const replicaSet: ReplicaSet = { metadata, spec: { selector, template } };
  const daemonSet: DaemonSet = { metadata, spec: { selector, template } };

  it('a ReplicaSet has one replica, and counts changes of its spec', () => {
    const { object, errors } = create(replicaSetRow, replicaSet);
    assert.deepEqual([errors, object.spec?.replicas, object.status], [[], 1, { replicas: 0 }]);
    const scaled = update(replicaSetRow, object, (copy) => Object.assign(copy.spec ?? {}, { replicas: 2 }));
    assert.equal(scaled.object.metadata.generation, 2);
  });

  it('a ReplicaSet prints its counts and its selector', () => {
    const expressions = [{ key: 'tier', operator: 'In', values: ['b', 'a'] }];
    const shown = cells(replicaSetRow, {
      metadata,
      spec: { replicas: 3, template, selector: { ...selector, matchExpressions: expressions } },
      status: { replicas: 3, readyReplicas: 2 },
    });
    assert.deepEqual(Object.values(shown), ['web', 3, 3, 2, '60m', 'web', 'nginx:1', 'app=web,tier in (a,b)']);
  });

  it('a DaemonSet updates one node at a time, and counts its templates', () => {
    const { object, errors } = create(daemonSetRow, daemonSet);
    assert.deepEqual(errors, []);
    assert.deepEqual(object.spec?.updateStrategy, {
      type: 'RollingUpdate',
      rollingUpdate: { maxUnavailable: 1, maxSurge: 0 },
    });
    const key = 'deprecated.daemonset.template.generation';
    assert.equal(object.metadata.annotations?.[key], '1');
    const next = update(daemonSetRow, object, (copy) => {
      Object.assign(copy.spec?.template.spec?.containers[0] ?? {}, { image: 'nginx:2' });
    });
    assert.deepEqual([next.errors, next.object.metadata.annotations?.[key]], [[], '2']);
  });

  it('a DaemonSet that may neither add nor remove a pod is refused', () => {
    const updateStrategy = { rollingUpdate: { maxUnavailable: 0 } };
    const { errors } = create(daemonSetRow, { metadata, spec: { selector, template, updateStrategy } });
    assert.deepEqual(errors, [
      'spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0',
    ]);
  });

  it('a DaemonSet prints its counts and its node selector', () => {
    const status = { desiredNumberScheduled: 3, currentNumberScheduled: 2, numberReady: 1, numberMisscheduled: 0 };
    const shown = cells(daemonSetRow, { ...daemonSet, status });
    assert.deepEqual(Object.values(shown), ['web', 3, 2, 1, 0, 0, '<none>', '60m', 'web', 'nginx:1', 'app=web']);
  });
});
