import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '../../api/types.gen.ts';
import { nodeRules } from './defaults/system-roles.ts';
import { decideForNode } from './node.ts';
import { nodeNameOf } from './node-identity.ts';
import { usesOf } from './node-uses.ts';
import { ask } from './testing.ts';

const pod: Pod = {
  metadata: { name: 'p', namespace: 'shop' },
  spec: {
    nodeName: 'n1',
    serviceAccountName: 'robot',
    imagePullSecrets: [{ name: 'pull' }],
    initContainers: [
      { name: 'i', image: 'x', env: [{ name: 'E', valueFrom: { secretKeyRef: { name: 'init', key: 'k' } } }] },
    ],
    containers: [{ name: 'c', image: 'x', envFrom: [{ configMapRef: { name: 'env' } }] }],
    volumes: [
      { name: 'a', secret: { secretName: 'volume' } },
      { name: 'b', projected: { sources: [{ configMap: { name: 'ca' } }, { secret: { name: 'projected' } }] } },
      { name: 'c', persistentVolumeClaim: { claimName: 'data' } },
      { name: 'd', ephemeral: { volumeClaimTemplate: { spec: {} } } },
    ],
  },
};

describe('a pod makes its node’s', () => {
  it('all that it names', () => {
    assert.deepEqual(usesOf(pod)?.objects.toSorted(), [
      'configmaps/shop/ca',
      'configmaps/shop/env',
      'persistentvolumeclaims/shop/data',
      'persistentvolumeclaims/shop/p-d',
      'pods/shop/p',
      'secrets/shop/init',
      'secrets/shop/projected',
      'secrets/shop/pull',
      'secrets/shop/volume',
      'serviceaccounts/shop/robot',
    ]);
  });

  it('nothing before it has one, and nothing but itself when the kubelet made it up', () => {
    assert.equal(usesOf({ ...pod, spec: { ...pod.spec, containers: [], nodeName: '' } }), undefined);
    const annotations = { 'kubernetes.io/config.mirror': 'x' };
    assert.deepEqual(usesOf({ ...pod, metadata: { ...pod.metadata, annotations } })?.objects, ['pods/shop/p']);
  });
});

describe('a node may', () => {
  const objects = usesOf(pod)?.objects ?? [];
  const uses = {
    uses: (node: string, resource: string, namespace: string, name: string) =>
      node === 'n1' && objects.includes(`${resource}/${namespace}/${name}`),
  };
  const may = (node: string, verb: string, what: string, rest: object = {}): boolean =>
    decideForNode(node, ask(`system:node:${node}`, ['system:nodes'], verb, what, rest), uses, nodeRules).allowed;
  const shop = (name: string): object => ({ namespace: 'shop', name });
  const lease = (name: string, namespace = 'kube-node-lease'): object => ({ namespace, name });
  const on = (value: string, equal = true): object => ({ fields: [{ field: 'spec.nodeName', value, equal }] });

  const cases: readonly [boolean, ...Parameters<typeof may>][] = [
    [true, 'n1', 'get', 'secrets', shop('volume')],
    [true, 'n1', 'watch', 'configmaps', shop('ca')],
    [false, 'n2', 'get', 'secrets', shop('volume')],
    [false, 'n1', 'get', 'secrets', shop('other')],
    [false, 'n1', 'get', 'secrets', { namespace: 'elsewhere', name: 'volume' }],
    [false, 'n1', 'list', 'secrets', { namespace: 'shop' }],
    [false, 'n1', 'list', 'secrets', { name: 'volume' }],
    [false, 'n1', 'update', 'secrets', shop('volume')],
    [false, 'n1', 'create', 'configmaps', shop('ca')],
    [true, 'n1', 'create', 'serviceaccounts/token', shop('robot')],
    [false, 'n2', 'create', 'serviceaccounts/token', shop('robot')],
    [false, 'n1', 'create', 'serviceaccounts/token', shop('other')],
    [false, 'n1', 'create', 'serviceaccounts', shop('robot')],
    [true, 'n1', 'get', 'serviceaccounts', shop('robot')],
    [true, 'n1', 'get', 'persistentvolumeclaims', shop('data')],
    [false, 'n1', 'list', 'persistentvolumeclaims', shop('data')],
    [true, 'n1', 'patch', 'persistentvolumeclaims/status', shop('data')],
    [true, 'n1', 'update', 'leases.coordination.k8s.io', lease('n1')],
    [false, 'n1', 'update', 'leases.coordination.k8s.io', lease('n2')],
    [false, 'n1', 'get', 'leases.coordination.k8s.io', lease('n1', 'kube-system')],
    [false, 'n1', 'list', 'leases.coordination.k8s.io', lease('')],
    [true, 'n1', 'get', 'nodes', { name: 'n1' }],
    [false, 'n1', 'get', 'nodes', { name: 'n2' }],
    [false, 'n1', 'list', 'nodes'],
    [false, 'n1', 'delete', 'nodes', { name: 'n1' }],
    [true, 'n1', 'patch', 'nodes/status', { name: 'n1' }],
    [true, 'n1', 'watch', 'pods', on('n1')],
    [false, 'n1', 'watch', 'pods', on('n2')],
    [false, 'n1', 'list', 'pods', on('n1', false)],
    [false, 'n1', 'list', 'pods'],
    [true, 'n1', 'get', 'pods', shop('p')],
    [false, 'n2', 'get', 'pods', shop('p')],
    [false, 'n1', 'get', 'pods', { ...shop('q'), ...on('n1') }],
    [false, 'n1', 'deletecollection', 'pods', on('n1')],
    [false, 'n1', 'update', 'pods', shop('p')],
    [false, 'n1', 'create', 'pods/binding', shop('p')],
    [false, 'n1', 'create', 'pods/exec', shop('p')],
    [true, 'n1', 'patch', 'pods/status', shop('p')],
    [true, 'n1', 'list', 'services'],
    [true, 'n1', 'create', 'events'],
    [false, 'n1', 'list', 'deployments.apps'],
    [false, 'n1', 'get', '/metrics'],
    [false, '', 'list', 'services'],
    [false, '', 'watch', 'pods', on('')],
  ];
  for (const [expected, ...asked] of cases) {
    it(`${JSON.stringify(asked)}: ${expected}`, () => assert.equal(may(...asked), expected));
  }

  it('only with both the name and the group', () => {
    assert.equal(nodeNameOf({ name: 'system:node:n1', groups: ['system:nodes'] }), 'n1');
    assert.equal(nodeNameOf({ name: 'system:node:n1', groups: ['system:authenticated'] }), undefined);
    assert.equal(nodeNameOf({ name: 'n1', groups: ['system:nodes'] }), undefined);
  });
});
