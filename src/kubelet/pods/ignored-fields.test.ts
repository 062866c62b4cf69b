import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container, PodSpec } from '../../api/types.gen.ts';
import { ignoredFields } from './ignored-fields.ts';

const main: Container = { name: 'main', image: 'busybox' };
const fields = (spec: Partial<PodSpec>): readonly string[] =>
  ignoredFields({ metadata: { name: 'web' }, spec: { containers: [main], ...spec } });

test('an ordinary pod is done all that it asks for', () => {
  const ports = [{ containerPort: 80, hostPort: 80 }];
  const volumeMounts = [{ name: 'v', mountPath: '/v' }];
  assert.deepEqual(fields({ containers: [{ ...main, ports, volumeMounts }] }), []);
  assert.deepEqual(fields({ shareProcessNamespace: true, hostUsers: true, securityContext: {} }), []);
});

const cases: readonly [string, Partial<PodSpec>][] = [
  ['spec.hostUsers', { hostUsers: false }],
  ['spec.securityContext.seccompProfile', { securityContext: { seccompProfile: { type: 'RuntimeDefault' } } }],
  [
    'spec.initContainers[0].securityContext.procMount',
    { initContainers: [{ ...main, securityContext: { procMount: 'Unmasked' } }] },
  ],
];

for (const [field, spec] of cases) test(field, () => assert.deepEqual(fields(spec), [field]));

test("a port of the host's network is there by itself, and no profile is none", () => {
  const ports = [{ containerPort: 80, hostPort: 80 }];
  const securityContext = { seccompProfile: { type: 'Unconfined' } };
  assert.deepEqual(fields({ hostNetwork: true, containers: [{ ...main, ports, securityContext }] }), []);
});
