import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointSlice, Service } from '../../api/types.gen.ts';
import { ipv4 } from '../../kernel/family.ts';
import { planRules } from '../../kernel/plan-iptables.ts';
import { clusterServices, clusterSlices } from '../../../test/cases/service-packets.ts';
import { portsOf, type ServicePort } from '../model/service-port.ts';
import { tableOf as modelTable } from '../model/table-keeper.ts';
import { objectSource } from '../testing/object-source.ts';
import { ownsChain } from './names.ts';
import { planDispatch } from './plan-dispatch.ts';
import { desiredRules } from './plan-rules.ts';

const clusterCIDR = '10.77.0.0/16';

function tableOf(services: readonly Service[], slices: readonly EndpointSlice[] = []): readonly ServicePort[] {
  return portsOf(modelTable(objectSource(services, slices, { nodeName: 'node-a' }), ipv4));
}

function many(services: number, endpoints: number): readonly ServicePort[] {
  const port = (index: number): ServicePort => ({
    name: `ns/svc-${index}`,
    service: `ns/svc-${index}`,
    protocol: 'tcp',
    clusterIPs: [`10.78.${Math.floor(index / 250)}.${1 + (index % 250)}`],
    port: 80,
    externalIPs: [],
    loadBalancerIPs: [],
    sourceRanges: undefined,
    affinitySeconds: undefined,
    serving: [],
    nodePort: undefined,
    internalPolicy: 'Cluster',
    externalPolicy: 'Cluster',
    endpoints: Array.from({ length: endpoints }, (_, one) => ({
      ip: `10.77.2.${1 + one}`,
      port: 8080,
      local: false,
      pod: `ns/pod-${one}`,
    })),
    localEndpoints: [],
  });
  return Array.from({ length: services }, (_, index) => port(index));
}

const linesOf = (table: readonly ServicePort[]): number => {
  const desired = desiredRules({ table, family: ipv4, clusterCIDR });
  return [...desired.chains.values()]
    .flatMap((chains) => [...chains.values()])
    .reduce((sum, { rules }) => sum + rules.length, 0);
};

test('how many rules N Services with M endpoints take: one to dispatch, one for strangers, one an endpoint', () => {
  const fixed = linesOf([]);
  assert.equal(fixed, 9);
  assert.equal(linesOf(many(10, 2)) - fixed, 10 * (1 + 1 + 2));
  assert.equal(linesOf(many(10, 5)) - fixed, 10 * (1 + 1 + 5));
  // From 17 addresses on a few rules lead from range to range.
  assert.ok(linesOf(many(1000, 2)) - fixed < 1000 * 4 * 1.1);
});

test('no address lies deeper than a few short chains', () => {
  const rules = new Map<string, readonly string[]>();
  for (const [name, chain] of desiredRules({ table: many(2000, 1), family: ipv4, clusterCIDR }).chains.get('nat') ??
    []) {
    if (/^PW-(SERVICES|AT-)/.test(name)) rules.set(name, chain.rules);
  }
  assert.ok(rules.size > 100);
  for (const [name, chain] of rules) {
    assert.ok(chain.length <= 17, `${name} has ${chain.length} rules`);
    assert.ok(name.length <= 28, name);
  }
});

test('a Service that comes changes its own chain and one chain of the dispatch', () => {
  const all = many(1101, 2);
  const at = (table: readonly ServicePort[]) => desiredRules({ table, family: ipv4, clusterCIDR });
  const before = at(all.slice(0, 1100));
  const observed = new Map(
    [...before.chains].map(([table, chains]) => [
      table,
      new Map([...chains].map(([name, { rules }]) => [name, rules])),
    ]),
  );
  const after = at(all);
  const { changes } = planRules({ desired: { ...after, hooks: [] }, observed, owns: ownsChain });
  assert.equal(changes.length, 2, JSON.stringify(changes));
});

test('a tree holds every address once, whatever they are', () => {
  const addresses = [
    '10.0.0.1',
    '10.0.0.2',
    '255.255.255.255',
    '1.2.3.4',
    ...Array.from({ length: 40 }, (_, i) => `10.78.0.${i}`),
  ];
  const chains = planDispatch(
    addresses.map((address) => ({ address, rules: [`-d ${address}/32 -j X`] })),
    { family: ipv4, top: 'TOP', prefix: 'AT-', about: 'Services' },
  );
  const leaves = [...chains.values()].flatMap(({ rules }) => rules).filter((rule) => rule.endsWith('-j X'));
  assert.deepEqual(leaves.sort(), addresses.map((address) => `-d ${address}/32 -j X`).sort());
  const seen = new Set<string>();
  const visit = (name: string): void => {
    seen.add(name);
    for (const rule of chains.get(name)?.rules ?? []) {
      const next = /-j (AT-\S+)/.exec(rule)?.[1];
      if (next !== undefined) visit(next);
    }
  };
  visit('TOP');
  assert.deepEqual(seen, new Set(chains.keys()), 'every chain is led to');
});

test('the same objects give the same rules, in whatever order they come', () => {
  const text = (services: readonly Service[], slices: readonly EndpointSlice[]): string =>
    JSON.stringify(
      [...desiredRules({ table: tableOf(services, slices), family: ipv4, clusterCIDR }).chains].map(
        ([table, chains]) => [table, [...chains]],
      ),
    );
  assert.equal(text(clusterServices, clusterSlices), text(clusterServices.toReversed(), clusterSlices.toReversed()));
});

test('headless Services, those of another proxy and those without an address have no rule', () => {
  const service = (metadata: Service['metadata'], spec: Service['spec']): Service => ({
    metadata: { namespace: 'ns', ...metadata },
    ...(spec === undefined ? {} : { spec }),
  });
  const ports = [{ port: 80 }];
  const table = tableOf([
    service({ name: 'headless' }, { clusterIP: 'None', ports }),
    service({ name: 'pending' }, { clusterIP: '', ports }),
    service({ name: 'name' }, { type: 'ExternalName', externalName: 'example.com', ports }),
    service(
      { name: 'other', labels: { 'service.kubernetes.io/service-proxy-name': 'x' } },
      { clusterIP: '10.78.0.1', ports },
    ),
    service({ name: 'v6' }, { clusterIP: 'fd00::1', ports }),
    service({ name: 'mine' }, { clusterIP: '10.78.0.2', ports }),
  ]);
  assert.deepEqual(
    table.map(({ name }) => name),
    ['ns/mine'],
  );
});

test('an endpoint in two slices is one endpoint; one that is not ready is none', () => {
  const slice = (name: string, endpoints: EndpointSlice['endpoints']): EndpointSlice => ({
    metadata: { namespace: 'ns', name, labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    ports: [{ port: 8080 }],
    endpoints,
  });
  const service: Service = {
    metadata: { namespace: 'ns', name: 'web' },
    spec: { clusterIP: '10.78.0.1', ports: [{ port: 80 }] },
  };
  const [port] = tableOf(
    [service],
    [
      slice('a', [
        { addresses: ['10.77.1.10'] },
        { addresses: ['10.77.1.9'], conditions: { ready: false, serving: true, terminating: true } },
      ]),
      slice('b', [{ addresses: ['10.77.1.10'] }, { addresses: ['10.77.1.2'], nodeName: 'node-a' }]),
    ],
  );
  assert.deepEqual(
    port?.endpoints.map(({ ip }) => ip),
    ['10.77.1.2', '10.77.1.10'],
  );
  assert.deepEqual(
    port?.localEndpoints.map(({ ip }) => ip),
    ['10.77.1.2'],
  );
});
