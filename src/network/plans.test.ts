import assert from 'node:assert/strict';
import { test } from 'node:test';
import { printChanges } from '../kernel/change.ts';
import { ipv6 } from '../kernel/family.ts';
import type { Link } from '../kernel/ip.ts';
import { createAddressPool, NoAddressLeftError } from './address-pool.ts';
import { abandonedPods } from './abandoned.ts';
import { peersOf } from './cluster.ts';
import { macOf, parsePodAlias, podAlias, podNames } from './names.ts';
import { ForeignLinkError, networkRules, planNode, type DesiredNode, type ObservedNode } from './plan-node.ts';
import { planAdoption, planPodSetUp } from './plan-pod.ts';

const link = (facts: Partial<Link> & { name: string }): Link => ({
  kind: 'veth',
  mac: '',
  mtu: 1500,
  up: true,
  master: undefined,
  alias: undefined,
  hairpin: false,
  callIptables: false,
  callIp6tables: false,
  addresses: [],
  ...facts,
});

const gateway = { address: '10.45.1.1', prefixLength: 24 };
const gateway6 = { address: 'fd00:45:1::1', prefixLength: 64 };
const bridge = { alias: 'podwire:node/a', mac: '0a:58:0a:2d:01:01', mtu: 1450, addresses: [gateway] };
const peer = { node: 'b', ip: '10.44.0.12', podCIDR: '10.45.2.0/24' };
const desired: DesiredNode = { bridge, peers: [peer], uplink: 'eth0.100' };
const settings = new Map([
  ['net.ipv4.ip_forward', '1'],
  ['net.ipv4.conf.all.rp_filter', '0'],
]);
const standing: ObservedNode = {
  links: [
    link({
      name: 'pw0',
      kind: 'bridge',
      mac: bridge.mac,
      mtu: 1450,
      alias: bridge.alias,
      callIptables: true,
      addresses: [gateway, { address: 'fe80::858:aff:fe2d:101', prefixLength: 64 }],
    }),
  ],
  routes: [{ destination: '10.45.2.0/24', via: '10.44.0.12', device: 'eth0' }],
  settings,
};

test('an empty node: bridge, address, route, forwarding', () => {
  const plan = planNode(desired, { links: [], routes: [], settings: new Map([['net.ipv4.ip_forward', '0']]) });
  assert.deepEqual(plan.lines, [
    'link add pw0 address 0a:58:0a:2d:01:01 type bridge nf_call_iptables 1',
    'link set dev pw0 mtu 1450',
    'link set dev pw0 alias "podwire:node/a"',
    'address replace 10.45.1.1/24 dev pw0',
    'link set dev pw0 up',
    'route add 10.45.2.0/24 via 10.44.0.12 proto 78',
  ]);
  assert.deepEqual([...plan.settings], [['net.ipv4.ip_forward', '1']]);
  assert.match(printChanges(plan.steps), /^add route 10\.45\.2\.0\/24: pods of node b$/m);
});

test('a pod CIDR is written as the kernel writes routes, whatever its host bits', () => {
  const node = {
    metadata: { name: 'b' },
    spec: { podCIDRs: ['fd00::/64', '10.45.2.7/24'] },
    status: { addresses: [{ type: 'InternalIP', address: '10.44.0.12' }] },
  };
  assert.deepEqual(peersOf([node]), [peer]);
  const dual = { type: 'InternalIP', address: 'fd00:44::12' };
  assert.deepEqual(peersOf([{ ...node, status: { addresses: [dual, ...node.status.addresses] } }]), [
    peer,
    { node: 'b', ip: 'fd00:44::12', podCIDR: 'fd00::/64' },
  ]);
});

test('two families: an address and a route of each, and settings without which IPv6 would not be forwarded', () => {
  const dual: DesiredNode = {
    bridge: { ...bridge, addresses: [gateway, gateway6] },
    peers: [peer, { node: 'b', ip: 'fd00:44::12', podCIDR: 'fd00:45:2::/64' }],
    uplink: 'eth0',
  };
  const six = new Map([
    ['net.ipv6.conf.eth0.accept_ra', '1'],
    ['net.ipv6.conf.all.forwarding', '0'],
  ]);
  const plan = planNode(dual, { links: [], routes: [], settings: six });
  assert.deepEqual(plan.lines, [
    'link add pw0 address 0a:58:0a:2d:01:01 type bridge nf_call_iptables 1 nf_call_ip6tables 1',
    'link set dev pw0 mtu 1450',
    'link set dev pw0 alias "podwire:node/a"',
    'address replace 10.45.1.1/24 dev pw0',
    'address replace fd00:45:1::1/64 dev pw0 nodad',
    'link set dev pw0 up',
    'route add 10.45.2.0/24 via 10.44.0.12 proto 78',
    'route add fd00:45:2::/64 via fd00:44::12 proto 78',
  ]);
  // In this order: with forwarding on, accept_ra 1 forgets the default route.
  assert.deepEqual(
    [...plan.settings],
    [
      ['net.ipv6.conf.eth0.accept_ra', '2'],
      ['net.ipv6.conf.all.forwarding', '1'],
    ],
  );
  assert.equal(plan.settingsAfter.get('net.ipv6.conf.pw0.accept_ra'), '0');

  // A bridge of one family gets the other, and loses it again; its link-local address is the kernel's.
  assert.deepEqual(planNode({ ...dual, peers: [peer] }, standing).lines, [
    'link set dev pw0 type bridge nf_call_ip6tables 1',
    'address replace fd00:45:1::1/64 dev pw0 nodad',
  ]);
  const links = standing.links.map((one) => ({ ...one, addresses: [...one.addresses, gateway6] }));
  assert.deepEqual(planNode(desired, { ...standing, links }).lines, ['address delete fd00:45:1::1/64 dev pw0']);
});

test('an address for the pods of this node stands beside the gateway, is put back, and goes when nobody asks for it', () => {
  const local = { address: '169.254.20.10', prefixLength: 32, why: 'pods of this node ask here' };
  const wanted = { ...desired, bridge: { ...bridge, addresses: [gateway, local] } };
  const plan = planNode(wanted, standing);
  assert.deepEqual(plan.lines, ['address replace 169.254.20.10/32 dev pw0']);
  assert.match(printChanges(plan.steps), /^add address 169\.254\.20\.10\/32: pods of this node ask here$/m);
  const { address, prefixLength } = local;
  const links = standing.links.map((one) => ({ ...one, addresses: [...one.addresses, { address, prefixLength }] }));
  assert.deepEqual(planNode(wanted, { ...standing, links }).lines, []);
  assert.deepEqual(planNode(desired, { ...standing, links }).lines, ['address delete 169.254.20.10/32 dev pw0']);
});

test('IPv6 pods are masqueraded as IPv4 ones are', () => {
  const { chains, hooks } = networkRules({
    family: ipv6,
    clusterCIDR: 'fd00:45::/48',
    podCIDR: 'fd00:45:0:1::/64',
    nodes: [{ node: 'a', ip: 'fd00:44::11' }],
    nonMasqueradeCIDRs: ['fd00:77::/32'],
  });
  const rules = chains
    .get('nat')
    ?.get('PW-NET-MASQ')
    ?.rules.map((rule) => rule.replace(/-m comment.*?" /, ''));
  assert.deepEqual(rules, [
    '-d fd00:45::/48 -j RETURN',
    '-d fd00:44::11/128 -j RETURN',
    '-d fd00:77::/32 -j RETURN',
    '-d ff00::/8 -j RETURN',
    '-j MASQUERADE --random-fully',
  ]);
  assert.match(hooks[0]?.rule ?? '', /^-s fd00:45:0:1::\/64 /);
});

test('a pod of two families: the link knows its addresses without asking, settings come before the link', () => {
  const { nodeLines, podLines } = planPodSetUp(
    {
      netns: 'pw-0',
      link: 'pw0',
      ifname: 'eth0',
      alias: 'x',
      pod: 'ns/p',
      addresses: [
        { ip: '10.45.1.2', prefixLength: 24, gateway: '10.45.1.1' },
        { ip: 'fd00:45:1::2', prefixLength: 64, gateway: 'fd00:45:1::1' },
      ],
      mac: '0a:58:0a:2d:01:02',
      mtu: 1500,
      bridge: { name: 'pw0', mac: bridge.mac },
    },
    { netns: false, link: false },
  );
  assert.deepEqual(
    nodeLines.map((line) => line.split(' ').slice(0, 2).join(' ')),
    ['netns add', 'netns exec', 'link add', 'link set', 'link set', 'neigh replace', 'neigh replace'],
  );
  assert.match(nodeLines[1] ?? '', /accept_ra=0.*accept_redirects=0.*accept_dad=0/);
  assert.deepEqual(podLines, [
    'link set dev lo up',
    'address replace 10.45.1.2/24 dev eth0',
    'address replace fd00:45:1::2/64 dev eth0 nodad',
    'link set dev eth0 up',
    'neigh replace 10.45.1.1 lladdr 0a:58:0a:2d:01:01 dev eth0 nud permanent',
    'route replace default via 10.45.1.1',
    'neigh replace fd00:45:1::1 lladdr 0a:58:0a:2d:01:01 dev eth0 nud permanent',
    'route replace default via fd00:45:1::1',
  ]);
});

test('a node that is as it should be: nothing', () => {
  const plan = planNode(desired, standing);
  assert.deepEqual([plan.lines, plan.settings.size], [[], 0]);
});

test('redirects are off on the bridge and on the uplink', () => {
  const on = new Map([
    ...settings,
    ['net.ipv4.conf.eth0/100.send_redirects', '1'],
    ['net.ipv4.conf.pw0.send_redirects', '1'],
  ]);
  assert.deepEqual(
    [...planNode(desired, { ...standing, settings: on }).settings],
    [
      ['net.ipv4.conf.pw0.send_redirects', '0'],
      ['net.ipv4.conf.eth0/100.send_redirects', '0'],
    ],
  );
  // The bridge's own setting exists only when the bridge does.
  assert.deepEqual([...planNode(desired, standing).settingsAfter], []);
  assert.deepEqual(
    [...planNode(desired, { ...standing, links: [] }).settingsAfter],
    [['net.ipv4.conf.pw0.send_redirects', '0']],
  );
});

test('routes follow the nodes; a strict reverse path filter is loosened', () => {
  const plan = planNode(
    { bridge, peers: [{ ...peer, ip: '10.44.0.99' }], uplink: undefined },
    {
      ...standing,
      routes: [...standing.routes, { destination: '10.45.9.0/24', via: '10.44.0.19', device: 'eth0' }],
      settings: new Map([...settings, ['net.ipv4.conf.all.rp_filter', '1']]),
    },
  );
  assert.deepEqual(plan.lines, [
    'route delete 10.45.9.0/24 via 10.44.0.19 proto 78',
    'route replace 10.45.2.0/24 via 10.44.0.99 proto 78',
  ]);
  assert.deepEqual([...plan.settings], [['net.ipv4.conf.all.rp_filter', '2']]);
});

test("somebody else's pw0 is refused, our own half-made one is completed", () => {
  const foreign = link({ name: 'pw0', kind: 'bridge', mac: '02:00:00:00:00:01' });
  assert.throws(() => planNode(desired, { ...standing, links: [foreign] }), ForeignLinkError);
  const half = link({ name: 'pw0', kind: 'bridge', mac: bridge.mac, mtu: 1450, callIptables: true, up: false });
  assert.deepEqual(planNode(desired, { ...standing, links: [half] }).lines.length, 3);
});

test('an alias gives back what was written, also when the name must be cut', () => {
  const mark = { pod: 'default/web-1', uid: '0b6d', attempt: 2, ips: ['10.45.1.7'] };
  assert.equal(podAlias(mark), 'podwire:default/web-1:0b6d attempt=2 ip=10.45.1.7');
  assert.deepEqual(parsePodAlias(podAlias(mark)), mark);
  for (const more of [{ ifname: 'net1' }, { ifname: 'net1', bandwidth: { egress: 7000 } }])
    assert.deepEqual(parsePodAlias(podAlias({ ...mark, ...more })), { ...mark, ...more });
  const long = { ...mark, pod: `${'n'.repeat(63)}/${'p'.repeat(253)}` };
  assert.ok(podAlias(long).length <= 255);
  assert.deepEqual({ ...parsePodAlias(podAlias(long)), pod: '' }, { ...mark, pod: '' });
  assert.equal(parsePodAlias('eth of somebody'), undefined);
  assert.match(podAlias({ ...mark, uid: 'a" up\nlink del x' }), /^[^"\n]*$/);
});

test('names fit the kernel and differ by attempt', () => {
  const { link: name, netns } = podNames({ uid: 'u', attempt: 0 });
  assert.match(name, /^pw[0-9a-f]{8}$/);
  assert.equal(netns, `pw-${name.slice(2)}`);
  assert.notEqual(name, podNames({ uid: 'u', attempt: 1 }).link);
  assert.equal(macOf('10.45.1.7'), '0a:58:0a:2d:01:07');
  // fd000045 ^ 00000000 ^ 00000001 ^ 00000007, by hand.
  assert.equal(macOf('fd00:45::1:0:7'), '0a:58:fd:00:00:43');
  assert.notEqual(macOf('fd00:45::2'), macOf('fd00:45:0:1::2'));
});

test('at start whole pods are adopted, halves undone, strangers left alone', () => {
  const alias = podAlias({ pod: 'ns/whole', uid: 'u', attempt: 0, ips: ['10.45.1.2'] });
  const links = [
    link({ name: 'pw00000001', alias }),
    link({ name: 'pw00000002' }),
    link({ name: 'pw00000003', alias: 'somebody' }),
    link({ name: 'pw0', kind: 'bridge' }),
  ];
  const plan = planAdoption(links, ['pw-00000001', 'pw-00000002', 'pw-00000004', 'cni-1']);
  assert.deepEqual(
    plan.pods.map(({ pod, netns, ips }) => [pod, netns, ips]),
    [['ns/whole', 'pw-00000001', ['10.45.1.2']]],
  );
  assert.deepEqual(plan.lines, ['link delete pw00000002', 'netns delete pw-00000002', 'netns delete pw-00000004']);
});

test('addresses go round: one that came back rests until the others were used', () => {
  const pool = createAddressPool('10.45.1.0/29', []);
  const taken = new Set<string>();
  const take = (): string => {
    const ip = pool.next(taken);
    taken.add(ip);
    return ip;
  };
  assert.deepEqual([take(), take()], ['10.45.1.2', '10.45.1.3']);
  taken.delete('10.45.1.2');
  assert.deepEqual([take(), take(), take(), take()], ['10.45.1.4', '10.45.1.5', '10.45.1.6', '10.45.1.2']);
  assert.throws(take, (error) => error instanceof NoAddressLeftError && error.message.endsWith('5 in use'));
});

test('it goes on behind the addresses found in the kernel', () => {
  const inUse = ['10.45.1.4', '10.99.0.1'];
  const pool = createAddressPool('10.45.1.0/29', inUse);
  const given = Array.from({ length: 5 }, () => pool.next(new Set(inUse)));
  assert.deepEqual(given, ['10.45.1.5', '10.45.1.6', '10.45.1.2', '10.45.1.3', '10.45.1.5']);
  assert.equal(createAddressPool('fd00:45:1::/64', ['fd00:45:1::ff']).next(new Set()), 'fd00:45:1::100');
});

test('a pod is abandoned when no Pod has its UID, a static one counts by its mirror', () => {
  const at = (uid: string) => ({ pod: 'ns/p', uid, attempt: 0, ips: [], netns: `n-${uid}`, link: '' });
  const found = abandonedPods(
    [at('a'), at('s'), at('gone')],
    [{ metadata: { uid: 'a' } }, { metadata: { uid: 'm', annotations: { 'kubernetes.io/config.mirror': 's' } } }],
  );
  assert.deepEqual(
    found.map(({ uid }) => uid),
    ['gone'],
  );
});
