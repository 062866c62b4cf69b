/** How many chains and rules N Services with M endpoints take, and how long the walk to any of them is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4 } from '../../kernel/family.ts';
import { targetOf, type TableName } from '../../kernel/iptables.ts';
import type { DesiredChain } from '../../kernel/plan-iptables.ts';
import type { ServicePort } from '../model/service-port.ts';
import { manyServices } from '../testing/many-services.ts';
import { desiredRules } from './plan-rules.ts';
import { createRuleKeeper } from './rule-keeper.ts';

type Chains = ReadonlyMap<string, DesiredChain>;

function chainsIn(name: TableName, table: readonly ServicePort[]): Chains {
  return desiredRules({ table, family: ipv4, clusterCIDR: '10.77.0.0/16' }).chains.get(name) ?? new Map();
}

const rulesIn = (chains: Chains): number => [...chains.values()].reduce((sum, { rules }) => sum + rules.length, 0);

/** Rules that a packet may be compared with until it is at the end of this chain or of any below: the longest way. */
function longestWalk(chains: Chains, name: string): number {
  const rules = chains.get(name)?.rules ?? [];
  // Ranges shut each other out: of the jumps of a chain at most one is taken.
  const below = rules
    .map((rule) => targetOf(rule) ?? '')
    .filter((target) => /^PW-(AT|NP)-/.test(target))
    .map((target) => longestWalk(chains, target));
  return rules.length + Math.max(0, ...below);
}

const nothing = chainsIn('nat', []);

test('no Services: the chains that are always there', () => {
  assert.deepEqual([...nothing.keys()].sort(), ['PW-HAIRPIN', 'PW-NODEPORTS', 'PW-POSTROUTING', 'PW-SERVICES']);
  assert.equal(rulesIn(nothing), 4 + 3);
  const filter = chainsIn('filter', []);
  assert.deepEqual([...filter.keys()].sort(), ['PW-FORWARD', 'PW-REFUSE', 'PW-REFUSE-PORTS']);
  assert.equal(rulesIn(filter), 3 + 1);
});

for (const [services, endpoints] of [
  [10, 2],
  [1000, 2],
  [5000, 2],
  [10_000, 2],
  [1000, 10],
  [100, 32],
] as const) {
  test(`${services} plain Services x ${endpoints}: a rule an endpoint, and one for each range of addresses`, () => {
    const chains = chainsIn('nat', manyServices(services, endpoints));
    const ranges = chains.size - nothing.size;
    assert.equal(rulesIn(chains) - rulesIn(nothing), services * endpoints + ranges);
    // Leaves hold up to 64 rules; scattered addresses fill a good third of them, whatever their number.
    assert.ok(ranges <= Math.ceil((services * endpoints) / 24), `${ranges} ranges`);
    const walk = longestWalk(chains, 'PW-SERVICES');
    assert.ok(walk <= 3 + 4 * 16 + 64, `${walk} rules on the longest way`);
  });
}

test('a Service with more than 32 endpoints has a chain of its own, and one rule in the tree', () => {
  const chains = chainsIn('nat', manyServices(50, 33));
  assert.equal(rulesIn(chains) - rulesIn(nothing), 50 * (33 + 1));
  assert.equal(chains.size - nothing.size, 50);
});

test('NodePorts: a rule by address, one by port, three chains at most, and no list of all ports', () => {
  const chains = chainsIn(
    'nat',
    manyServices(2000, 2, (index) => ({ nodePort: 30_000 + index })),
  );
  const own = [...chains.keys()].filter((name) => /^PW-(SVC|EXT|LOC|FW)-/.test(name));
  assert.equal(own.length, 2000 * 2);
  const ranges = chains.size - nothing.size - own.length;
  // By address and by port; PW-SVC has an endpoint a rule, PW-EXT a mark and a jump.
  assert.equal(rulesIn(chains) - rulesIn(nothing), 2000 * (2 + 2 + 2) + ranges);
  assert.ok(longestWalk(chains, 'PW-NODEPORTS') <= 4 * 16 + 64);
});

test('Services that nobody answers take one rule in the filter table, and none in nat', () => {
  const table = manyServices(3000, 0);
  assert.equal(rulesIn(chainsIn('nat', table)), rulesIn(nothing));
  const chains = chainsIn('filter', table);
  const ranges = [...chains.keys()].filter((name) => name.startsWith('PW-NO-')).length;
  assert.equal(rulesIn(chains) - rulesIn(chainsIn('filter', [])), 3000 + ranges);
});

test('pods of this node that answer take one rule each, however many Services name them', () => {
  const local = { ip: '10.77.1.2', port: 8080, local: true, pod: 'ns/here' };
  const table = manyServices(100, 0, () => ({ endpoints: [local], localEndpoints: [local] }));
  assert.equal(chainsIn('nat', table).get('PW-HAIRPIN')?.rules.length, 1);
});

test('every chain name fits, whatever the addresses and ports', () => {
  const long = { service: `ns/${'x'.repeat(63)}`, protocol: 'sctp' as const, sourceRanges: ['192.0.2.0/24'] };
  const table = manyServices(3000, 1, (index) => ({
    ...(index % 3 === 0 ? { ...long, name: `ns/${'x'.repeat(63)}:${index}`, service: `ns/x${index}` } : {}),
    ...{ nodePort: 65_535 - index, loadBalancerIPs: [`255.255.${255 - (index >> 8)}.${index & 255}`] },
    externalPolicy: 'Local' as const,
  }));
  for (const name of ['nat', 'filter'] as const)
    for (const chain of chainsIn(name, table).keys()) assert.ok(chain.length <= 28, chain);
});

test('what is told to monitoring is what there is, after every change', () => {
  const keeper = createRuleKeeper({ family: ipv4, clusterCIDR: '10.77.0.0/16', nodePortAddresses: undefined });
  const ports = manyServices(300, 3, (index) => (index % 4 === 0 ? { nodePort: 30_000 + index } : {}));
  const table = new Map(ports.map((port) => [port.service, [port]]));
  const check = (): void => {
    for (const name of ['nat', 'filter'] as const) {
      const hooks = keeper.desired.hooks.filter((hook) => hook.table === name).length;
      assert.equal(keeper.counts[name]?.total, rulesIn(keeper.desired.chains.get(name) ?? new Map()) + hooks, name);
    }
  };
  check();
  keeper.update(table);
  check();
  assert.ok((keeper.counts['nat']?.last ?? 0) >= 900);
  const [first] = ports;
  assert.ok(first);
  table.set(first.service, [{ ...first, endpoints: first.endpoints.slice(0, 1) }]);
  keeper.update(table, [first.service]);
  check();
  assert.equal(keeper.counts['nat']?.last, 1 + 2, 'the chain of its endpoint, and that of its node port');
  table.delete(first.service);
  keeper.update(table, [first.service]);
  check();
});
