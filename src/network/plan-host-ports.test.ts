import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4, ipv6 } from '../kernel/family.ts';
import type { RuleSet } from '../kernel/iptables.ts';
import { hostPortRules, hostPortsIn, needsLoopback, type PodPorts } from './plan-host-ports.ts';

const port = (hostIP: string, protocol = 'TCP') => ({ hostIP, hostPort: 8080, containerPort: 80, protocol });
const pod = (name: string, last: number, ...ports: ReturnType<typeof port>[]): PodPorts => ({
  pod: `default/${name}`,
  ips: [`10.45.1.${last}`, `fd00:45:1::${last}`],
  ports,
});
const plain = (rules: readonly string[] | undefined): readonly string[] =>
  (rules ?? []).map((rule) => rule.replace(/-m comment --comment "[^"]*" /, ''));

const everywhere = pod('everywhere', 2, port(''));
const here = pod('here', 3, port('10.44.0.11'), port('10.44.0.11', 'UDP'), port('fd00:44::b'));

test('one port number, many addresses and protocols: the rules of one address before those of all', () => {
  const { chains } = hostPortRules(ipv4, [everywhere, here]);
  assert.deepEqual(plain(chains.get('nat')?.get('PW-HOST-PORTS')?.rules), [
    '-d 10.44.0.11/32 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.45.1.3:80',
    '-d 10.44.0.11/32 -p udp -m udp --dport 8080 -j DNAT --to-destination 10.45.1.3:80',
    '-p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.45.1.2:80',
  ]);
  const six = hostPortRules(ipv6, [everywhere, here]).chains.get('nat')?.get('PW-HOST-PORTS')?.rules;
  assert.deepEqual(plain(six), [
    '-d fd00:44::b/128 -p tcp -m tcp --dport 8080 -j DNAT --to-destination [fd00:45:1::3]:80',
    '-p tcp -m tcp --dport 8080 -j DNAT --to-destination [fd00:45:1::2]:80',
  ]);
  assert.match(six?.[0] ?? '', /host port of default\/here/);
});

test('the unspecified address of a family stands for that family alone', () => {
  const four = pod('four', 4, port('0.0.0.0'));
  assert.equal(hostPortRules(ipv4, [four]).chains.get('nat')?.get('PW-HOST-PORTS')?.rules.length, 1);
  assert.equal(hostPortRules(ipv6, [four]).hooks.length, 0);
});

test('loopback leads to pods only with a guard in front, and only where it is asked for', () => {
  assert.deepEqual([needsLoopback([everywhere]), needsLoopback([here])], [true, false]);
  assert.ok(needsLoopback([pod('own', 5, port('127.0.0.1'))]));
  const guarded = hostPortRules(ipv4, [everywhere]);
  assert.deepEqual(plain(guarded.chains.get('filter')?.get('PW-HOST-GUARD')?.rules), [
    '-d 127.0.0.0/8 -i pw0 -m conntrack ! --ctstate RELATED,ESTABLISHED -j DROP',
  ]);
  assert.equal(hostPortRules(ipv4, [here]).chains.get('filter')?.size, 0);
});

test('no ports, no rules and no jumps', () => {
  assert.deepEqual(hostPortRules(ipv4, [pod('none', 6)]), { chains: new Map(), hooks: [] });
});

test('what the rules say is read back, whose mapping is whose by the address of the pod', () => {
  const rulesOf = (family: typeof ipv4): RuleSet => {
    const nat = hostPortRules(family, [everywhere, here]).chains.get('nat') ?? new Map();
    return new Map([['nat', new Map([...nat].map(([name, { rules }]) => [name, rules]))]]);
  };
  const found = hostPortsIn(rulesOf(ipv4));
  assert.deepEqual(found.get('10.45.1.2'), [port('0.0.0.0')]);
  assert.deepEqual(found.get('10.45.1.3'), [port('10.44.0.11'), port('10.44.0.11', 'UDP')]);
  assert.deepEqual(hostPortsIn(rulesOf(ipv6)).get('fd00:45:1::3'), [port('fd00:44::b')]);
  assert.deepEqual([...hostPortsIn(new Map([['nat', new Map([['PW-HOST-PORTS', ['-j RETURN', '']]])]])).keys()], []);
});
