import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isForbidden } from '../../api/errors.ts';
import { runtimeClasses } from '../../api/resources.ts';
import type { Pod, PodSpec, RuntimeClass } from '../../api/types.gen.ts';
import { contextOf, lookupOf } from '../resources/testing.ts';
import { withRuntimeClass } from './runtime-class.ts';

const toleration = { key: 'wall', operator: 'Exists' };
const plain: RuntimeClass = { metadata: { name: 'plain' }, handler: 'crun' };
const walled: RuntimeClass = {
  metadata: { name: 'walled' },
  handler: 'gvisor',
  overhead: { podFixed: { cpu: '10m', memory: '1Mi' } },
  scheduling: { nodeSelector: { wall: 'strong' }, tolerations: [toleration] },
};

const pod = (spec: Partial<PodSpec>): Pod => ({
  metadata: { name: 'web', namespace: 'shop' },
  spec: { containers: [], ...spec },
});

function admitted(spec: Partial<PodSpec>): PodSpec | undefined {
  const object = pod(spec);
  withRuntimeClass(object, contextOf({ lookup: lookupOf([runtimeClasses, plain], [runtimeClasses, walled]) }));
  return object.spec;
}

describe('a pod of a RuntimeClass', () => {
  it('has its overhead, its nodes and its tolerations, beside those of its own', () => {
    const own = { key: 'mine', operator: 'Exists' };
    const spec = admitted({ runtimeClassName: 'walled', nodeSelector: { disk: 'fast' }, tolerations: [own] });
    assert.deepEqual(spec?.overhead, { cpu: '10m', memory: '1Mi' });
    assert.deepEqual(spec.nodeSelector, { disk: 'fast', wall: 'strong' });
    assert.deepEqual(spec.tolerations, [own, toleration]);
  });

  it('that says the same already is as it was', () => {
    const spec = {
      ...{ runtimeClassName: 'walled', overhead: { cpu: '0.01', memory: '1024Ki' } },
      ...{ nodeSelector: { wall: 'strong' }, tolerations: [toleration] },
    };
    assert.deepEqual(admitted(spec)?.tolerations, [toleration]);
    assert.deepEqual(admitted({ runtimeClassName: 'plain' }), { containers: [], runtimeClassName: 'plain' });
    assert.deepEqual(admitted({}), { containers: [] });
  });

  const cases: readonly { what: string; spec: Partial<PodSpec>; says: string }[] = [
    {
      what: 'that there is not',
      spec: { runtimeClassName: 'lost' },
      says: 'pod rejected: RuntimeClass "lost" not found',
    },
    {
      what: 'with another overhead',
      spec: { runtimeClassName: 'walled', overhead: { cpu: '1m', memory: '1Mi' } },
      says: "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
    },
    {
      what: 'with an overhead, and the class has none',
      spec: { runtimeClassName: 'plain', overhead: { cpu: '1m' } },
      says: 'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead',
    },
    {
      what: 'for other nodes',
      spec: { runtimeClassName: 'walled', nodeSelector: { wall: 'weak' } },
      says: 'conflict: runtimeClass.scheduling.nodeSelector[wall] = strong; pod.spec.nodeSelector[wall] = weak',
    },
  ];
  for (const { what, spec, says } of cases) {
    it(`is refused ${what}`, () =>
      assert.throws(
        () => admitted(spec),
        (error) => isForbidden(error) && (error as Error).message === `pods "web" is forbidden: ${says}`,
      ));
  }
});
