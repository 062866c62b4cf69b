import assert from 'node:assert/strict';
import test from 'node:test';
import type { Container, Pod } from '../../api/types.gen.ts';
import type { ContainerConfig } from '../../runtime/contract.ts';
import { containerConfig } from './container-config.ts';

const metadata = { name: 'web', namespace: 'default', uid: '1' };

function configOf(pod: Pod, container: Container): ContainerConfig {
  const given = { attempt: 0, imageId: 'sha256:1', env: new Map(), hostname: 'web', mounts: [], logPath: '/log' };
  return containerConfig({ pod, container, ...given });
}

test('a container gets the pod’s supplemental groups, and the group that owns its volumes', () => {
  const container = { name: 'main', image: 'busybox' };
  const config = (pod: Pod): readonly number[] | undefined => configOf(pod, container).supplementalGroups;
  const securityContext = { supplementalGroups: [7], fsGroup: 2000 };
  assert.deepEqual(config({ metadata, spec: { containers: [container], securityContext } }), [7, 2000]);
  assert.equal(config({ metadata, spec: { containers: [container] } }), undefined);
});

test('what a container must not become is passed on; its own word stands before the pod’s', () => {
  const container = { name: 'main', securityContext: { allowPrivilegeEscalation: false } };
  const pod = { metadata, spec: { containers: [container], securityContext: { runAsNonRoot: true } } };
  const { noNewPrivileges, runAsNonRoot } = configOf(pod, container);
  assert.deepEqual([noNewPrivileges, runAsNonRoot], [true, true]);
  const free = configOf(pod, { name: 'main', securityContext: { runAsNonRoot: false } });
  assert.deepEqual([free.noNewPrivileges, free.runAsNonRoot], [undefined, undefined]);
});
