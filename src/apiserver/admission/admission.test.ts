import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeObject } from '../../api/client.ts';
import { ApiError } from '../../api/errors.ts';
import { namespaces, serviceAccounts } from '../../api/resources.ts';
import type { Node, Pod, PodSpec, ServiceAccount, Toleration } from '../../api/types.gen.ts';
import type { ResourceRow } from '../resource.ts';
import { configMapRow } from '../resources/config-maps.ts';
import { namespaceRow } from '../resources/namespaces.ts';
import { nodeRow } from '../resources/nodes.ts';
import { podRow } from '../resources/pods.ts';
import { asRow } from '../resources/row.ts';
import { contextOf, lookupOf } from '../resources/testing.ts';
import { admit, admitDelete } from './index.ts';

const account: ServiceAccount = {
  metadata: { name: 'default', namespace: 'shop' },
  automountServiceAccountToken: false,
};
const context = contextOf({
  lookup: lookupOf(
    [namespaces, { metadata: { name: 'shop' }, status: { phase: 'Active' } } as KubeObject],
    [namespaces, { metadata: { name: 'old' }, status: { phase: 'Terminating' } } as KubeObject],
    [serviceAccounts, account],
  ),
});

function refused(run: () => void): { code: number; message: string; causes: readonly unknown[] } {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof ApiError);
    return { code: error.code, message: error.message, causes: error.status.details?.causes ?? [] };
  }
  return assert.fail('was let through');
}

const configMap = (namespace: string): KubeObject => ({ metadata: { name: 'conf', namespace } });
const row = asRow(configMapRow);

describe('namespaces decide what may be written in them', () => {
  it('in one that is not there nothing', () => {
    const { code, message } = refused(() => admit(row, configMap('nowhere'), undefined, context));
    assert.deepEqual([code, message], [404, 'namespaces "nowhere" not found']);
  });

  it('in one on its way out nothing new, and the cause can be read', () => {
    assert.deepEqual(
      refused(() => admit(row, configMap('old'), undefined, context)),
      {
        code: 403,
        message:
          'configmaps "conf" is forbidden: unable to create new content in namespace old because it is being terminated',
        causes: [
          { reason: 'NamespaceTerminating', message: 'namespace old is being terminated', field: 'metadata.namespace' },
        ],
      },
    );
  });

  it('in one on its way out what is there may still change', () => {
    admit(row, configMap('old'), configMap('old'), context);
  });

  it('in a live one anything', () => {
    admit(row, configMap('shop'), undefined, context);
  });

  for (const name of ['default', 'kube-system', 'kube-public']) {
    it(`${name} stays`, () => {
      const { code, message } = refused(() => admitDelete(asRow(namespaceRow), { metadata: { name } }, context));
      assert.deepEqual([code, message], [403, `namespaces "${name}" is forbidden: this namespace may not be deleted`]);
    });
  }

  it('others may go, and so may other things of these names', () => {
    admitDelete(asRow(namespaceRow), { metadata: { name: 'kube-node-lease' } }, context);
    admitDelete(row, { metadata: { name: 'default', namespace: 'shop' } }, context);
  });
});

function admitted(spec: Partial<PodSpec> = {}, old?: Pod): PodSpec {
  const pod: Pod = { metadata: { name: 'web', namespace: 'shop' }, spec: { containers: [], ...spec } };
  const pods: ResourceRow = asRow(podRow);
  admit(pods, pod, old, context);
  return pod.spec ?? { containers: [] };
}

describe('new pods are completed', () => {
  it('with an account, a priority and five minutes of patience', () => {
    const forFiveMinutes = { operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 };
    assert.deepEqual(admitted(), {
      containers: [],
      serviceAccountName: 'default',
      serviceAccount: 'default',
      priority: 0,
      preemptionPolicy: 'PreemptLowerPriority',
      tolerations: [
        { key: 'node.kubernetes.io/not-ready', ...forFiveMinutes },
        { key: 'node.kubernetes.io/unreachable', ...forFiveMinutes },
      ],
    });
  });

  const patient: readonly { what: string; tolerations: Toleration[]; added: number }[] = [
    { what: 'a toleration of everything is enough', tolerations: [{ operator: 'Exists' }], added: 0 },
    {
      what: 'a toleration of one of the two leaves the other',
      tolerations: [{ key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' }],
      added: 1,
    },
    {
      what: 'a toleration of another effect does not count',
      tolerations: [{ operator: 'Exists', effect: 'NoSchedule' }],
      added: 2,
    },
  ];
  for (const { what, tolerations, added } of patient) {
    it(what, () => {
      assert.equal(admitted({ tolerations }).tolerations?.length, tolerations.length + added);
    });
  }

  it('with the number behind a built-in class', () => {
    assert.equal(admitted({ priorityClassName: 'system-node-critical' }).priority, 2_000_001_000);
  });

  it('not with a class that is not there, nor with a number of their own', () => {
    assert.equal(
      refused(() => admitted({ priorityClassName: 'mine' })).message,
      'pods "web" is forbidden: no PriorityClass with name mine was found',
    );
    assert.match(
      refused(() => admitted({ priority: 7 })).message,
      /the integer value of priority \(7\) must not be provided in pod spec; priority admission controller computed 0/,
    );
  });

  it('and pods that are there keep their class, and get back tolerations that a new list left out', () => {
    const old: Pod = { metadata: { name: 'web', namespace: 'shop' } };
    const { tolerations, ...rest } = admitted({ tolerations: [{ key: 'a', operator: 'Exists' }] }, old);
    assert.deepEqual(rest, { containers: [] });
    assert.deepEqual(
      tolerations?.map(({ key }) => key),
      ['a', 'node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'],
    );
  });
});

describe('new nodes take no pods at first', () => {
  const admittedNode = (node: Node, old?: Node): Node => {
    admit(asRow(nodeRow), node, old, context);
    return node;
  };
  const taint = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };

  it('one that registers is tainted, beside what it brings', () => {
    const own = { key: 'a', effect: 'NoExecute' };
    assert.deepEqual(admittedNode({ metadata: { name: 'node1' } }).spec?.taints, [taint]);
    assert.deepEqual(admittedNode({ metadata: { name: 'node1' }, spec: { taints: [own] } }).spec?.taints, [own, taint]);
    assert.deepEqual(admittedNode({ metadata: { name: 'node1' }, spec: { taints: [taint] } }).spec?.taints, [taint]);
  });

  it('one that is there is left alone', () => {
    const node: Node = { metadata: { name: 'node1' } };
    assert.equal(admittedNode({ ...node }, node).spec, undefined);
  });
});
