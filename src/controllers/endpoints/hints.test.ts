import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Endpoint, Node, Service, ServiceSpec } from '../../api/types.gen.ts';
import { withHints } from './hints.ts';
import { zoneShares } from './topology.ts';

const service = (spec: ServiceSpec, annotations: Record<string, string> = {}): Service => ({
  metadata: { namespace: 'n', name: 'web', annotations },
  spec,
});
const auto = service({}, { 'service.kubernetes.io/topology-mode': 'Auto' });

function endpoint(index: number, zone: string | undefined, nodeName?: string, ready = true): Endpoint {
  return {
    addresses: [`10.45.0.${index}`],
    conditions: { ready },
    ...(zone === undefined ? {} : { zone }),
    ...(nodeName === undefined ? {} : { nodeName }),
  };
}

const node = (name: string, zone: string, cpu: string, ready = 'True'): Node => ({
  metadata: { name, labels: { 'topology.kubernetes.io/zone': zone } },
  status: { allocatable: { cpu }, conditions: [{ type: 'Ready', status: ready }] },
});
const zonesOf = (endpoints: readonly Endpoint[]): unknown[] =>
  endpoints.map(({ hints }) => hints?.forZones?.map(({ name }) => name).join() ?? null);

describe('a traffic distribution', () => {
  const known = [
    endpoint(1, 'a', 'n1'),
    endpoint(2, 'b', 'n2'),
    endpoint(3, undefined, 'n3'),
    endpoint(4, 'a', 'n4', false),
  ];

  it('none: no hints', () => {
    assert.deepEqual(withHints(service({}), known, undefined), known);
  });

  for (const trafficDistribution of ['PreferClose', 'PreferSameZone']) {
    it(`${trafficDistribution}: each ready endpoint for its own zone, where that is known`, () => {
      const hinted = withHints(service({ trafficDistribution }), known, undefined);
      assert.deepEqual(
        hinted.map(({ hints }) => hints),
        [{ forZones: [{ name: 'a' }] }, { forZones: [{ name: 'b' }] }, undefined, undefined],
      );
    });
  }

  it('PreferSameNode: for its node as well', () => {
    const hinted = withHints(service({ trafficDistribution: 'PreferSameNode' }), known, undefined);
    assert.deepEqual(
      hinted.map(({ hints }) => hints),
      [
        { forZones: [{ name: 'a' }], forNodes: [{ name: 'n1' }] },
        { forZones: [{ name: 'b' }], forNodes: [{ name: 'n2' }] },
        { forNodes: [{ name: 'n3' }] },
        undefined,
      ],
    );
  });
});

describe('the shares of zones', () => {
  it('are those of the CPU of ready nodes', () => {
    const nodes = [node('1', 'a', '2'), node('2', 'b', '500m'), node('3', 'b', '1500m'), node('4', 'c', '8', 'False')];
    assert.deepEqual(zoneShares(nodes), new Map(Object.entries({ a: 0.5, b: 0.5 })));
  });

  it('are not known when a node has no zone, or all stand in one', () => {
    assert.equal(zoneShares([node('1', 'a', '2'), node('2', '', '2')]), undefined);
    assert.equal(zoneShares([node('1', 'a', '2'), node('2', 'a', '2')]), undefined);
  });
});

describe('topology mode Auto', () => {
  const even = new Map([
    ['a', 0.5],
    ['b', 0.5],
  ]);

  it('leaves endpoints in their zone where that is fair', () => {
    assert.deepEqual(zonesOf(withHints(auto, [endpoint(1, 'a'), endpoint(2, 'b')], even)), ['a', 'b']);
  });

  it('gives endpoints of a zone that has many to one that has few', () => {
    const known = [1, 2, 3, 4].map((n) => endpoint(n, 'a'));
    assert.deepEqual(zonesOf(withHints(auto, known, even)), ['b', 'b', 'a', 'a']);
  });

  const without: readonly [string, Endpoint[], ReadonlyMap<string, number> | undefined][] = [
    ['fewer endpoints than zones', [endpoint(1, 'a')], even],
    ['zones whose shares nobody knows', [endpoint(1, 'a'), endpoint(2, 'b')], undefined],
    ['an endpoint in no zone', [endpoint(1, 'a'), endpoint(2, undefined)], even],
    [
      'a zone that would carry a fifth more than its share',
      [endpoint(1, 'a'), endpoint(2, 'b'), endpoint(3, 'b')],
      even,
    ],
  ];
  for (const [what, known, shares] of without) {
    it(`gives no hints with ${what}`, () => {
      assert.deepEqual(withHints(auto, known, shares), known);
    });
  }
});
