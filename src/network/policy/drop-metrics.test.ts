import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRegistry } from '../../api/metrics-registry.ts';
import { createDropCounter } from './drop-metrics.ts';

const profile = (direction: 'ingress' | 'egress', ...policies: string[]) => ({
  name: 'x',
  direction,
  policies,
  lines: [],
});
const profiles = new Map([
  ['ingress-1', profile('ingress', 'shop/web', 'shop/all')],
  ['egress-1', profile('egress', 'shop/all')],
]);

const name = 'podwire_network_policy_dropped_packets_total';
const drops = (numbers: Record<string, number>) => ({ byProfile: new Map(Object.entries(numbers)) });

test('each reading adds what is new; a counter that the kernel began anew adds all of it', () => {
  const registry = createRegistry();
  const counter = createDropCounter(registry);
  counter.count(4, { profiles }, drops({ 'ingress-1': 3, 'egress-1': 0 }));
  counter.count(4, { profiles }, drops({ 'ingress-1': 5, 'egress-1': 2, 'gone-1': 9 }));
  counter.count(6, { profiles }, drops({ 'ingress-1': 7 }));
  counter.count(4, { profiles }, drops({ 'ingress-1': 1, 'egress-1': 2 }));
  const lines = registry.text().split('\n');
  assert.deepEqual(
    lines.filter((line) => line.startsWith(name)),
    [
      `${name}{direction="ingress",ip_family="IPv4",policies="shop/all,shop/web"} 6`,
      `${name}{direction="egress",ip_family="IPv4",policies="shop/all"} 2`,
      `${name}{direction="ingress",ip_family="IPv6",policies="shop/all,shop/web"} 7`,
    ],
  );
});

test('policies without end fill no memory', () => {
  const registry = createRegistry();
  const counter = createDropCounter(registry);
  for (let index = 0; index < 1_200; index += 1) {
    const one = new Map([['p', profile('ingress', `shop/p${index}`)]]);
    counter.count(4, { profiles: one }, drops({ p: index + 1 }));
  }
  const lines = registry
    .text()
    .split('\n')
    .filter((line) => line.startsWith(name));
  assert.equal(lines.length, 1_001);
  assert.ok(lines.includes(`${name}{direction="ingress",ip_family="IPv4",policies="others"} 200`));
});
