import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, PodSpec } from '../api/types.gen.ts';
import { staticPodCheck } from './static-pod-check.ts';

const metadata = { name: 'web-node1', namespace: 'default' };
const main = { name: 'main', image: 'busybox' };
const podWith = (spec: Partial<PodSpec>): Pod => ({ metadata: { ...metadata }, spec: { containers: [main], ...spec } });
const said = (spec: Partial<PodSpec>): string[] =>
  staticPodCheck.complete(podWith(spec)).map(({ field, message }) => `${field}: ${message}`);

test('defaults are filled in as the API does', () => {
  const pod = podWith({ volumes: [{ name: 'v' }] });
  assert.deepEqual(staticPodCheck.complete(pod), []);
  assert.equal(pod.spec?.restartPolicy, 'Always');
  assert.equal(pod.spec.terminationGracePeriodSeconds, 30);
  assert.deepEqual(pod.spec.volumes, [{ name: 'v', emptyDir: {} }]);
});

test('fields that do not exist, and values of the wrong type', () => {
  const wrong = { apiVersion: 'v1', kind: 'Pod', metadata, spec: { container: [], hostNetwork: 'yes', nodeName: 'n' } };
  assert.deepEqual(staticPodCheck.shape(wrong), [
    { field: 'spec.container', message: 'there is no such field' },
    { field: 'spec.hostNetwork', message: 'expected boolean' },
  ]);
});

test('what the API would refuse is refused', () => {
  assert.match(said({ containers: [] }).join(), /^spec\.containers: Required value/);
  assert.match(said({ restartPolicy: 'Sometimes' }).join(), /^spec\.restartPolicy: Unsupported value: "Sometimes"/);
});

const references: readonly [string, Partial<PodSpec>][] = [
  ['spec.serviceAccountName: a static pod may not reference ServiceAccounts', { serviceAccountName: 'robot' }],
  [': a static pod may not reference Secrets (s)', { volumes: [{ name: 'v', secret: { secretName: 's' } }] }],
  [': a static pod may not reference Secrets (p)', { imagePullSecrets: [{ name: 'p' }] }],
  [
    ': a static pod may not reference ConfigMaps (c)',
    { containers: [{ ...main, envFrom: [{ configMapRef: { name: 'c' } }] }] },
  ],
  [
    'spec.volumes: a static pod may not reference PersistentVolumeClaims (d)',
    { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'd' } }] },
  ],
  ['spec.volumes: a static pod may not reference projected volumes', { volumes: [{ name: 'v', projected: {} }] }],
];

for (const [expected, spec] of references) {
  test(expected, () => assert.ok(said(spec).includes(expected), said(spec).join('\n')));
}
