import assert from 'node:assert/strict';
import { test } from 'node:test';
import { printChanges } from '../kernel/change.ts';
import { ipv4 } from '../kernel/family.ts';
import type { Link } from '../kernel/ip.ts';
import { createAddressPool, NoAddressLeftError } from './address-pool.ts';
import { abandonedPods } from './abandoned.ts';
import { peersOf } from './cluster.ts';
import { macOf, parsePodAlias, podAlias, podNames } from './names.ts';
import { ForeignLinkError, planNode, type DesiredNode, type ObservedNode } from './plan-node.ts';
import { planAdoption } from './plan-pod.ts';

const link = (facts: Partial<Link> & { name: string }): Link => ({
  kind: 'veth',
  mac: '',
  mtu: 1500,
  up: true,
  master: undefined,
  alias: undefined,
  hairpin: false,
  callIptables: false,
  addresses: [],
  ...facts,
});

const bridge = { alias: 'podwire:node/a', mac: '0a:58:0a:2d:01:01', mtu: 1450, address: '10.45.1.1', prefixLength: 24 };
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
      addresses: [{ address: '10.45.1.1', prefixLength: 24 }],
    }),
  ],
  routes: [{ destination: '10.45.2.0/24', via: '10.44.0.12', device: 'eth0' }],
  settings,
};

test('an empty node: bridge, address, route, forwarding', () => {
  const plan = planNode(desired, { links: [], routes: [], settings: new Map([['net.ipv4.ip_forward', '0']]) });
  assert.deepEqual(plan.lines, [
    'link add pw0 address 0a:58:0a:2d:01:01 mtu 1450 type bridge nf_call_iptables 1',
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
  assert.deepEqual(peersOf([node], ipv4), [peer]);
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
  const given = [pool.allocate(), pool.allocate()];
  assert.deepEqual(given, ['10.45.1.2', '10.45.1.3']);
  pool.release('10.45.1.2');
  assert.deepEqual(
    [pool.allocate(), pool.allocate(), pool.allocate(), pool.allocate()],
    ['10.45.1.4', '10.45.1.5', '10.45.1.6', '10.45.1.2'],
  );
  assert.throws(() => pool.allocate(), NoAddressLeftError);
  assert.equal(pool.used, 5);
});

test('addresses found in the kernel are not given out again', () => {
  const pool = createAddressPool('10.45.1.0/29', ['10.45.1.4', '10.99.0.1']);
  assert.deepEqual(
    [pool.allocate(), pool.allocate(), pool.allocate(), pool.allocate()],
    ['10.45.1.5', '10.45.1.6', '10.45.1.2', '10.45.1.3'],
  );
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
