import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4 } from '../kernel/family.ts';
import type { Link } from '../kernel/ip.ts';
import { mergeRules, senderRules, tunnelRules } from './overlay-rules.ts';
import { ForeignLinkError, routeSteps, type Peer } from './plan-node.ts';
import {
  byWayOfNear,
  markAcross,
  overlayMac,
  overlayMtu,
  planOverlay,
  vtepsOf,
  type DesiredOverlay,
} from './plan-overlay.ts';

const link = (facts: Partial<Link> & { name: string }): Link => ({
  kind: '',
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

const near: Peer = { node: 'b', ip: '10.44.0.12', podCIDR: '10.45.2.0/24' };
const far: Peer = { node: 'c', ip: '10.44.0.140', podCIDR: '10.45.3.0/24' };
const far6: Peer = { node: 'c', ip: 'fd00:44::140', podCIDR: 'fd00:45:3::/64' };
const peers = [near, far, far6];
const local = '10.44.0.11';
const uplink = link({
  name: 'eth0',
  addresses: [
    { address: local, prefixLength: 25 },
    { address: 'fd00:44::11', prefixLength: 64 },
  ],
});
const alias = 'podwire:node/a';
const vtep = { node: 'c', ip: far.ip, mac: '0a:59:0a:2d:03:01', gateways: ['10.45.3.1', 'fd00:45:3::1'] };
const desired: DesiredOverlay = {
  alias,
  mac: '0a:59:0a:2d:01:01',
  mtu: 1450,
  local,
  port: 4789,
  addresses: ['10.45.1.1', 'fd00:45:1::1'],
  vteps: [vtep],
};
const vxlan = { id: 78, local, port: 4789, learning: false };
const standing = {
  links: [
    link({
      name: 'pwvx0',
      kind: 'vxlan',
      mac: desired.mac,
      mtu: 1450,
      alias,
      vxlan,
      addresses: [
        { address: '10.45.1.1', prefixLength: 32 },
        { address: 'fd00:45:1::1', prefixLength: 128 },
        { address: 'fe80::859:aff:fe2d:101', prefixLength: 64 },
      ],
    }),
  ],
  neighbours: vtep.gateways.map((ip) => ({ ip, mac: vtep.mac })),
  forwarding: [{ mac: vtep.mac, to: vtep.ip }],
};
const empty = { links: [], neighbours: [], forwarding: [] };
const lines = (steps: readonly { readonly line: string }[]): string[] => steps.map(({ line }) => line);

test('auto: who stands in the range of the uplink is near, and a node is so for both families or for none', () => {
  const across = (mode: 'auto' | 'routes' | 'vxlan') =>
    markAcross(peers, mode, local, uplink).map((peer) => peer.across === true);
  assert.deepEqual(across('auto'), [false, true, true]);
  assert.deepEqual(across('routes'), [false, false, false]);
  assert.deepEqual(across('vxlan'), [true, true, true]);
  const nowhere = markAcross(peers, 'auto', local, undefined);
  assert.ok(
    nowhere.every((peer) => peer.across === true),
    'an address on loopback is on no segment',
  );
  assert.deepEqual(vtepsOf(markAcross(peers, 'auto', local, uplink), local), [vtep]);
});

test('the hardware address of a far end comes from its pods, and is not the one of its bridge', () => {
  assert.equal(overlayMac('10.45.3.0/24'), '0a:59:0a:2d:03:01');
  assert.match(overlayMac('fd00:45:3::/64'), /^0a:59:/);
  assert.equal(overlayMtu(1500, local), 1450);
  assert.equal(overlayMtu(1500, 'fd00::1'), 1430);
});

test('a route to a node across names the overlay, and follows a node that comes near', () => {
  const marked = markAcross(peers, 'auto', local, uplink);
  assert.deepEqual(lines(routeSteps({ peers: marked }, [])), [
    'route add 10.45.2.0/24 via 10.44.0.12 proto 78',
    'route add 10.45.3.0/24 via 10.45.3.1 dev pwvx0 onlink proto 78',
    'route add fd00:45:3::/64 via fd00:45:3::1 dev pwvx0 onlink proto 78',
  ]);
  const routes = [
    { destination: '10.45.2.0/24', via: '10.44.0.12', device: 'eth0' },
    { destination: '10.45.3.0/24', via: '10.45.3.1', device: 'pwvx0' },
    { destination: 'fd00:45:3::/64', via: 'fd00:45:3::1', device: 'pwvx0' },
  ];
  assert.deepEqual(lines(routeSteps({ peers: marked }, routes)), []);
  assert.deepEqual(lines(routeSteps({ peers: [near, { ...far, ip: '10.44.0.13' }] }, routes)), [
    'route delete fd00:45:3::/64 via fd00:45:3::1 proto 78',
    'route replace 10.45.3.0/24 via 10.44.0.13 proto 78',
  ]);
});

test('a machine without a tunnel goes by way of a node that is near', () => {
  const lines6 = [near, far, far6].map(
    (peer) => byWayOfNear([near, far, far6], [uplink]).find((one) => one.podCIDR === peer.podCIDR)?.ip,
  );
  // On the link's range of IPv6 all are near.
  assert.deepEqual(lines6, ['10.44.0.12', '10.44.0.12', 'fd00:44::140']);
  assert.deepEqual(byWayOfNear([far], [uplink]), [far]);
});

test('from nothing: the link, its addresses, neighbours, and then forwarding entries', () => {
  const plan = planOverlay(desired, alias, empty);
  assert.deepEqual(lines(plan.steps), [
    'link add pwvx0 address 0a:59:0a:2d:01:01 mtu 1450 type vxlan id 78 local 10.44.0.11 dstport 4789 nolearning',
    'link set dev pwvx0 alias "podwire:node/a"',
    'address replace 10.45.1.1/32 dev pwvx0',
    'address replace fd00:45:1::1/128 dev pwvx0 nodad',
    'link set dev pwvx0 up',
    'neighbour replace 10.45.3.1 lladdr 0a:59:0a:2d:03:01 dev pwvx0 nud permanent',
    'neighbour replace fd00:45:3::1 lladdr 0a:59:0a:2d:03:01 dev pwvx0 nud permanent',
  ]);
  assert.deepEqual(lines(plan.forwarding), ['fdb replace 0a:59:0a:2d:03:01 dev pwvx0 dst 10.44.0.140']);
  assert.deepEqual([plan.removal, plan.renews], [[], false]);
});

test('what stands needs nothing', () => {
  assert.deepEqual(planOverlay(desired, alias, standing), { steps: [], forwarding: [], removal: [], renews: false });
  assert.deepEqual(planOverlay(undefined, alias, empty).removal, []);
});

test('a node that changes its address moves one entry, one that goes takes all of its own along', () => {
  const moved = planOverlay({ ...desired, vteps: [{ ...vtep, ip: '10.44.0.150' }] }, alias, standing);
  assert.deepEqual(lines(moved.steps), []);
  assert.deepEqual(lines(moved.forwarding), ['fdb replace 0a:59:0a:2d:03:01 dev pwvx0 dst 10.44.0.150']);
  const gone = planOverlay({ ...desired, vteps: [] }, alias, standing);
  assert.deepEqual(lines(gone.steps), [
    'neighbour delete 10.45.3.1 dev pwvx0',
    'neighbour delete fd00:45:3::1 dev pwvx0',
  ]);
  assert.deepEqual(lines(gone.forwarding), ['fdb delete 0a:59:0a:2d:03:01 dev pwvx0 dst 10.44.0.140']);
});

test('entries of somebody else are taken away, also those beside a right one', () => {
  const forwarding = [
    { mac: vtep.mac, to: '10.66.6.6' },
    ...standing.forwarding,
    { mac: '00:00:00:00:00:00', to: '10.66.6.6' },
  ];
  const plan = planOverlay(desired, alias, { ...standing, forwarding });
  assert.deepEqual(lines(plan.forwarding), [
    'fdb delete 0a:59:0a:2d:03:01 dev pwvx0 dst 10.66.6.6',
    'fdb delete 00:00:00:00:00:00 dev pwvx0 dst 10.66.6.6',
  ]);
});

test("the node's own address, MTU and hardware address are set on the link that stands; its port makes it anew", () => {
  const other = { ...desired, mac: '0a:59:0a:2d:09:01', mtu: 8950, local: '10.44.0.99' };
  assert.deepEqual(lines(planOverlay(other, alias, standing).steps), [
    'link set dev pwvx0 address 0a:59:0a:2d:09:01',
    'link set dev pwvx0 mtu 8950',
    'link set dev pwvx0 type vxlan local 10.44.0.99',
  ]);
  const anew = planOverlay({ ...desired, port: 8472 }, alias, standing);
  assert.equal(anew.renews, true);
  assert.deepEqual(lines(anew.steps).slice(0, 2), [
    'link delete pwvx0',
    'link add pwvx0 address 0a:59:0a:2d:01:01 mtu 1450 type vxlan id 78 local 10.44.0.11 dstport 8472 nolearning',
  ]);
  assert.equal(anew.steps.length, 8);
  assert.equal(anew.forwarding.length, 1);
});

test('a link of ours that nobody needs goes; one of somebody else stays, and is not used', () => {
  assert.deepEqual(lines(planOverlay(undefined, alias, standing).removal), ['link delete pwvx0']);
  const foreign = { ...empty, links: [link({ name: 'pwvx0', kind: 'vxlan', alias: 'theirs', vxlan })] };
  assert.deepEqual(planOverlay(undefined, alias, foreign).removal, []);
  assert.throws(() => planOverlay(desired, alias, foreign), ForeignLinkError);
  const unsigned = { ...empty, links: [link({ name: 'pwvx0', kind: 'vxlan', mac: desired.mac, vxlan })] };
  assert.ok(lines(planOverlay(desired, alias, unsigned).steps).includes('link set dev pwvx0 alias "podwire:node/a"'));
});

test('VXLAN is heard from nodes across alone, and nobody else speaks it through this one', () => {
  const rules = mergeRules(
    senderRules({ family: ipv4, port: 4789, vteps: [vtep] }),
    tunnelRules({ clusterCIDR: '10.45.0.0/16' }),
  );
  assert.deepEqual(rules.chains.get('mangle')?.get('PW-NET-VXLAN')?.rules, [
    '-s 10.44.0.140/32 -m comment --comment "node c is across" -j RETURN',
    '-m comment --comment "podwire: VXLAN from nobody else" -j DROP',
  ]);
  assert.deepEqual(rules.chains.get('mangle')?.get('PW-NET-VXLAN-FWD')?.rules, [
    '-d 10.44.0.140/32 -m comment --comment "only nodes speak VXLAN to node c" -j DROP',
  ]);
  assert.deepEqual(
    rules.hooks.map(
      ({ table, chain, rule }) => `${table} ${chain} ${rule.replace(/-m comment --comment "[^"]*" /, '')}`,
    ),
    [
      'mangle INPUT -p udp -m udp --dport 4789 -j PW-NET-VXLAN',
      'mangle FORWARD -p udp -m udp --dport 4789 -j PW-NET-VXLAN-FWD',
      'nat POSTROUTING ! -s 10.45.0.0/16 -o pwvx0 -j PW-NET-TUNNEL',
    ],
  );
});
