import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isForbidden } from '../../api/errors.ts';
import { limitRanges } from '../../api/resources.ts';
import type { Container, LimitRange, LimitRangeItem, Pod, PodSpec } from '../../api/types.gen.ts';
import { contextOf, lookupOf } from '../resources/testing.ts';
import { withinLimits } from './limit-ranges.ts';

const namespace = 'shop';

const container = (name: string, resources: Container['resources'] = {}, more: Partial<Container> = {}): Container => ({
  ...{ name, image: 'busybox', resources },
  ...more,
});

const pod = (spec: Partial<PodSpec>): Pod => ({
  metadata: { name: 'web', namespace },
  spec: { containers: [], ...spec },
});

const rangeOf = (item: LimitRangeItem, where = namespace): LimitRange => ({
  metadata: { name: `of-${item.type}`, namespace: where },
  spec: { limits: [item] },
});

/** The pod as it goes on. */
function admitted(sent: Pod, ...ranges: readonly LimitRange[]): Pod {
  const object = structuredClone(sent);
  withinLimits(object, contextOf({ lookup: lookupOf(...ranges.map((range) => [limitRanges, range] as const)) }));
  return object;
}

const refused = (sent: Pod, says: string, ...ranges: readonly LimitRange[]): void =>
  assert.throws(
    () => admitted(sent, ...ranges),
    (error) => isForbidden(error) && (error as Error).message === `pods "web" is forbidden: ${says}`,
  );

describe('defaults of a LimitRange', () => {
  const item = { type: 'Container', default: { cpu: '500m' }, defaultRequest: { cpu: '100m', memory: '1Mi' } };

  it('are filled where a container says nothing, and the pod tells which', () => {
    const sent = pod({
      containers: [container('a'), container('b', { requests: { cpu: '200m' }, limits: { cpu: '300m' } })],
      initContainers: [container('c', { requests: { cpu: '1', memory: '2Mi' } })],
    });
    const { metadata, spec } = admitted(sent, rangeOf(item));
    assert.deepEqual(spec?.containers[0]?.resources, {
      limits: { cpu: '500m' },
      requests: { cpu: '100m', memory: '1Mi' },
    });
    assert.deepEqual(spec.containers[1]?.resources, {
      limits: { cpu: '300m' },
      requests: { cpu: '200m', memory: '1Mi' },
    });
    assert.deepEqual(spec.initContainers?.[0]?.resources, {
      limits: { cpu: '500m' },
      requests: { cpu: '1', memory: '2Mi' },
    });
    assert.equal(
      metadata.annotations?.['kubernetes.io/limit-ranger'],
      'LimitRanger plugin set: cpu, memory request for container a; cpu limit for container a; ' +
        'memory request for container b; cpu limit for init container c',
    );
  });

  it('are those of its own namespace', () => {
    const sent = pod({ containers: [container('a')] });
    assert.deepEqual(admitted(sent, rangeOf(item, 'elsewhere')), sent);
  });
});

describe('bounds of a LimitRange', () => {
  const item = { type: 'Container', min: { cpu: '50m' }, max: { cpu: '500m' }, maxLimitRequestRatio: { cpu: '4' } };
  const asks = (request: string, limit: string): Pod =>
    pod({ containers: [container('a', { requests: { cpu: request }, limits: { cpu: limit } })] });

  it('are kept by who is between them', () => {
    assert.deepEqual(admitted(asks('50m', '200m'), rangeOf(item)), asks('50m', '200m'));
  });

  const cases: readonly { what: string; sent: Pod; says: string }[] = [
    {
      what: 'less than the least',
      sent: asks('40m', '100m'),
      says: 'minimum cpu usage per Container is 50m, but request is 40m',
    },
    {
      what: 'more than the most',
      sent: asks('200m', '600m'),
      says: 'maximum cpu usage per Container is 500m, but limit is 600m',
    },
    {
      what: 'a limit far beyond the request',
      sent: asks('50m', '250m'),
      says: 'cpu max limit to request ratio per Container is 4, but provided ratio is 5.000000',
    },
    {
      what: 'nothing at all, and there are no defaults',
      sent: pod({ containers: [container('a')] }),
      says:
        '[minimum cpu usage per Container is 50m.  No request is specified, ' +
        'maximum cpu usage per Container is 500m.  No limit is specified, ' +
        'cpu max limit to request ratio per Container is 4, but no request is specified or request is 0]',
    },
  ];
  for (const { what, sent, says } of cases) it(`refuse ${what}`, () => refused(sent, says, rangeOf(item)));

  it('of pods hold for all containers together, or for a start that needs more (KEP-753)', () => {
    const of = (cpu: string, more: Partial<Container> = {}): Container =>
      container(`c${cpu}`, { requests: { cpu }, limits: { cpu } }, more);
    const most = rangeOf({ type: 'Pod', max: { cpu: '1' } });
    const sidecar = of('300m', { restartPolicy: 'Always' });
    admitted(pod({ containers: [of('500m'), of('200m')], initContainers: [sidecar, of('700m')] }), most);
    const tooMuch = (sum: string): string => `maximum cpu usage per Pod is 1, but limit is ${sum}`;
    refused(pod({ containers: [of('500m'), of('400m')], initContainers: [sidecar] }), tooMuch('1200m'), most);
    refused(pod({ containers: [of('100m')], initContainers: [sidecar, of('800m')] }), tooMuch('1100m'), most);
  });

  it('are held against after all defaults are filled', () => {
    const defaults = rangeOf({ type: 'Container', default: { cpu: '2' }, defaultRequest: { cpu: '2' } });
    const says = 'maximum cpu usage per Pod is 1, but limit is 2';
    refused(pod({ containers: [container('a')] }), says, rangeOf({ type: 'Pod', max: { cpu: '1' } }), defaults);
  });

  it('do not judge what validation will refuse', () => {
    const sent = pod({ containers: [container('a', { requests: { cpu: 'much' }, limits: { cpu: '100m' } })] });
    refused(
      sent,
      'minimum cpu usage per Container is 1m.  No request is specified',
      rangeOf({ type: 'Container', min: { cpu: '1m' } }),
    );
  });
});
