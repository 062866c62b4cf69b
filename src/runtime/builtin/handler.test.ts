import assert from 'node:assert/strict';
import test from 'node:test';
import type { PodSandboxConfig } from '../contract.ts';
import { refuseOtherHandler } from './handler.ts';

const config = (runtimeHandler?: string): PodSandboxConfig => ({
  pod: { namespace: 'shop', name: 'web', uid: 'u', attempt: 0 },
  ...{ hostname: 'web', hostNetwork: false, ports: [], labels: {}, annotations: {} },
  ...(runtimeHandler !== undefined && { runtimeHandler }),
});

test('a pod for no runtime in particular, or for this one, runs', () => {
  refuseOtherHandler('crun', config());
  refuseOtherHandler('crun', config('crun'));
});

test('a pod for another runtime does not', () => {
  assert.throws(
    () => refuseOtherHandler('crun', config('gvisor')),
    /pod shop\/web: no runtime for handler "gvisor" here, only crun/,
  );
});
