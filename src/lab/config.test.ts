import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  checkConfig,
  defaultConfig,
  LabError,
  loadBalancerCIDR,
  machinesOf,
  nextNode,
  nodeNames,
  type LabConfig,
  withoutNode,
} from './config.ts';
import { quote, withInput } from './shell.ts';

const config = (change: Partial<LabConfig>): LabConfig => ({ ...defaultConfig, nodes: nodeNames(3), ...change });

test('the machines of the default lab have the addresses everybody knows', () => {
  assert.deepEqual(
    machinesOf(config({})).map(({ name, address }) => `${name} ${address}`),
    ['control-plane 10.44.0.2', 'node1 10.44.0.11', 'node2 10.44.0.12', 'node3 10.44.0.13', 'outside 10.44.0.3'],
  );
});

test('a node keeps its address when one before it goes', () => {
  assert.deepEqual(
    machinesOf(config({ nodes: ['node3'] })).map(({ address }) => address),
    ['10.44.0.2', '10.44.0.13', '10.44.0.3'],
  );
  assert.equal(nextNode(config({ nodes: ['node1', 'node3'] })), 'node2');
});

test('segments halve the range of the switch, and nodes are dealt to them in turn unless they are told', () => {
  const of = (change: Partial<LabConfig>) =>
    machinesOf(config(change)).map(({ name, address, segment }) => `${name} ${address} ${segment}`);
  const [first, last] = ['control-plane 10.44.0.2 1', 'outside 10.44.0.3 1'];
  assert.deepEqual(of({ segments: 2 }), [
    first,
    'node1 10.44.0.11 1',
    'node2 10.44.0.140 2',
    'node3 10.44.0.13 1',
    last,
  ]);
  assert.deepEqual(of({ segments: 3, nodeSettings: { node1: { segment: 3 }, node3: { segment: 1 } } }), [
    first,
    'node1 10.44.0.139 3',
    'node2 10.44.0.76 2',
    'node3 10.44.0.13 1',
    last,
  ]);
});

for (const [what, change, message] of [
  ['half a segment', { segments: 1.5 }, /--segments 1\.5: a whole number from 1 to 4/],
  ['five segments', { segments: 5 }, /--segments 5/],
  [
    'a segment that is not there',
    { nodeSettings: { node2: { segment: 2 } } },
    /node2 stands on segment 2, and the lab has 1/,
  ],
  ['segments too small', { nodeCIDR: '10.44.0.0/31', segments: 4 }, /10\.44\.0\.0\/31 has no room/],
  ['a name that is too long for a link', { name: 'a234567890123' }, /--name a234567890123/],
  ['a name that is a path', { name: '../x' }, /--name/],
  ['a name with a space', { name: 'a b' }, /--name/],
  ['a node that is no node', { nodes: ['web'] }, /web is not a name of a node/],
  ['a range that is none', { podCIDR: '10.45.0.0' }, /10\.45\.0\.0 is not an IPv4 address range/],
  ['ranges that overlap', { serviceCIDR: '10.45.8.0/24' }, /10\.45\.0\.0\/16 and 10\.45\.8\.0\/24 overlap/],
  ["node-local DNS on somebody else's network", { dns: 'node-local', cni: '/etc/cni' }, /dns node-local/],
  ['a switch too small', { nodeCIDR: '10.44.0.0/29' }, /10\.44\.0\.0\/29 has no room/],
] as const)
  test(`${what} is refused by name`, () => {
    assert.throws(
      () => checkConfig(config(change)),
      (error) => error instanceof LabError && message.test(error.message),
    );
  });

for (const count of [0, -1, 1.5, Number.NaN, 201, 1e10])
  test(`${count} is no number of nodes`, () => {
    assert.throws(
      () => nodeNames(count),
      (error) => error instanceof LabError && error.message.startsWith('--nodes'),
    );
  });

for (const [nodeCIDR, range] of [
  ['10.44.0.0/24', '10.44.0.224/27'],
  ['10.44.0.0/16', '10.44.224.0/19'],
  ['10.44.0.0/28', '10.44.0.14/31'],
] as const)
  test(`balancers of ${nodeCIDR} have ${range}`, () => {
    assert.equal(loadBalancerCIDR({ nodeCIDR }, 1), range);
  });

test('with segments each has its own', () => {
  const ranges = [1, 2].map((segment) => loadBalancerCIDR({ nodeCIDR: '10.44.0.0/24', segments: 2 }, segment));
  assert.deepEqual(ranges, ['10.44.0.112/28', '10.44.0.240/28']);
});

test('no machine has an address of the balancers', () => {
  const nodes = Array.from({ length: 46 }, (_, index) => `node${index + 1}`);
  const nodeCIDR = '10.44.0.0/26';
  assert.equal(checkConfig(config({ nodeCIDR, nodes: nodes.slice(0, 45) })).nodes.length, 45);
  assert.throws(() => checkConfig(config({ nodeCIDR, nodes })), /10\.44\.0\.0\/26 has no room for 46 nodes/);
});

test('each node has a /24 of the pods', () => {
  const nodes = ['node1', 'node2', 'node3'];
  assert.equal(checkConfig(config({ podCIDR: '10.61.0.0/22', nodes })).nodes.length, 3);
  assert.throws(
    () => checkConfig(config({ podCIDR: '10.61.0.0/23', nodes })),
    /10\.61\.0\.0\/23: has room for 2 of 3 nodes/,
  );
  assert.throws(
    () => checkConfig(config({ podCIDR: '10.61.0.0/26', nodes })),
    /10\.61\.0\.0\/26: has room for 0 of 3 nodes/,
  );
});

test('what a node was registered with goes with the node', () => {
  const nodeSettings = { node1: { labels: { a: 'b' } }, node2: { labels: { c: 'd' } } };
  const one = withoutNode(config({ nodes: ['node1', 'node2'], nodeSettings }), 'node1');
  assert.deepEqual([one.nodes, one.nodeSettings], [['node2'], { node2: { labels: { c: 'd' } } }]);
  assert.equal(Object.hasOwn(withoutNode(one, 'node2'), 'nodeSettings'), false);
});

test('a word stays one word whatever is in it', () => {
  assert.equal(quote('/a/b-c_d.e:f=g,h+i@j%k'), '/a/b-c_d.e:f=g,h+i@j%k');
  assert.equal(quote("it's $(x) `y` \n"), "'it'\\''s $(x) `y` \n'");
  assert.equal(quote(''), "''");
  assert.equal(withInput('cat', ['$x']), "cat <<'END'\n$x\nEND");
});
