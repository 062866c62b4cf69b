/** How many elements, chains and rules N Services with M endpoints take: elements by formula, chains and rules whatever N is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCIDR } from '../../api/addresses.ts';
import { ipv4 } from '../../kernel/family.ts';
import type { ServicePort } from '../model/service-port.ts';
import { manyServices } from '../testing/many-services.ts';
import { createLedger } from './ledger.ts';
import { rulesOf } from '../../kernel/nft-objects.ts';
import { wholeTable, type WholeTable } from './plan-table.ts';

const clusterCIDR = parseCIDR('10.77.0.0/16');

function tableOf(ports: readonly ServicePort[]): WholeTable {
  const ledger = createLedger({ family: ipv4, clusterCIDR });
  ledger.rebuild(
    Map.groupBy(ports, ({ service }) => service),
    undefined,
  );
  return wholeTable(ledger.objects(), undefined, { family: ipv4, clusterCIDR, nodePortAddresses: undefined });
}

/** Elements by set, sets without any left out. */
const elementsIn = ({ elements }: WholeTable): Record<string, number> =>
  Object.fromEntries([...elements].map(([name, own]) => [name, own.size]));
const rulesIn = ({ chains }: WholeTable): number =>
  [...chains.values()].reduce((sum, one) => sum + rulesOf(one).length, 0);

const nothing = tableOf([]);
/** One block: 32 numbers of endpoints, four ways to come. */
const blockChains = 32 * 4;

test('no Services: no elements, eight chains', () => {
  assert.deepEqual(elementsIn(nothing), {});
  assert.equal(nothing.chains.size, 8);
});

for (const [services, endpoints] of [
  [10, 2],
  [1000, 2],
  [10_000, 2],
  [1000, 10],
  [100, 32],
] as const) {
  test(`${services} plain Services x ${endpoints}: two elements a Service, one an endpoint, one block of chains`, () => {
    const table = tableOf(manyServices(services, endpoints));
    assert.deepEqual(elementsIn(table), {
      services,
      'cluster-ips': services,
      'endpoints-32': services * endpoints,
    });
    assert.equal(table.chains.size - nothing.chains.size, blockChains);
    // A translation and a drop each; two of the four ways mark those who are no pods, one marks everybody.
    assert.equal(rulesIn(table) - rulesIn(nothing), 32 * (4 * 2 + 3));
  });
}

test('more endpoints than a block has: the next block, and no other', () => {
  const table = tableOf(manyServices(50, 33));
  assert.deepEqual(elementsIn(table), { services: 50, 'cluster-ips': 50, 'endpoints-64': 50 * 33 });
  assert.equal(table.chains.size - nothing.chains.size, blockChains);
});

test('node ports: one element a port and one an endpoint more, in maps of their own', () => {
  const table = tableOf(manyServices(2000, 2, (index) => ({ nodePort: 30_000 + index })));
  assert.deepEqual(elementsIn(table), {
    services: 2000,
    'cluster-ips': 2000,
    'endpoints-32': 4000,
    'node-ports': 2000,
    'node-endpoints-32': 4000,
  });
  // Whoever comes to a node port comes from elsewhere: three ways, not four.
  assert.equal(table.chains.size - nothing.chains.size, blockChains + 32 * 3);
});

test('Services that nobody answers: no chain, no element but where they listen', () => {
  const table = tableOf(manyServices(3000, 0));
  assert.deepEqual(elementsIn(table), { services: 3000, 'cluster-ips': 3000 });
  assert.equal(table.chains.size, nothing.chains.size);
});

test('affinity alone costs chains and sets: one chain a way, one set an endpoint', () => {
  const table = tableOf(manyServices(100, 3, () => ({ affinitySeconds: 60 })));
  const sets = [...table.sets.keys()].filter((name) => name.startsWith('affinity-'));
  assert.equal(sets.length, 300);
  assert.equal(table.chains.size - nothing.chains.size, 100);
  assert.deepEqual(elementsIn(table), { services: 100, 'cluster-ips': 100 });
});

test('pods of this node that answer take one element each, however many Services name them', () => {
  const local = { ip: '10.77.1.2', port: 8080, local: true, pod: 'ns/here' };
  const table = tableOf(manyServices(100, 0, () => ({ endpoints: [local], localEndpoints: [local] })));
  assert.equal(elementsIn(table)['hairpin'], 1);
});
