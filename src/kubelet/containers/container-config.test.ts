import assert from 'node:assert/strict';
import test from 'node:test';
import type { Pod } from '../../api/types.gen.ts';
import { containerConfig } from './container-config.ts';

test('a container gets the pod’s supplemental groups, and the group that owns its volumes', () => {
  const container = { name: 'main', image: 'busybox' };
  const config = (pod: Pod): readonly number[] | undefined =>
    containerConfig({
      pod,
      container,
      attempt: 0,
      imageId: 'sha256:1',
      env: new Map(),
      hostname: 'web',
      mounts: [],
      logPath: '/log',
    }).supplementalGroups;
  const metadata = { name: 'web', namespace: 'default', uid: '1' };
  const securityContext = { supplementalGroups: [7], fsGroup: 2000 };
  assert.deepEqual(config({ metadata, spec: { containers: [container], securityContext } }), [7, 2000]);
  assert.equal(config({ metadata, spec: { containers: [container] } }), undefined);
});
