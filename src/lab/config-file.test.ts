import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileFields, type Field } from './config-fields.ts';
import { parseConfigFile } from './config-file.ts';
import { LabError } from './config.ts';

const parse = (...lines: string[]) => parseConfigFile('lab.yaml', lines.join('\n'));

test('a file that says everything', () => {
  const config = parse(
    'name: demo',
    'nodes:',
    '- role: control-plane',
    '- role: worker',
    '  count: 2',
    '  labels: {disk: ssd, example.com/rack: "7"}',
    '- taints:',
    '  - {key: gpu, value: "true", effect: NoSchedule}',
    '  - {key: spare, effect: PreferNoSchedule}',
    '- {segment: 2}',
    'segments: 2',
    'networking:',
    '  nodeSubnet: 10.60.0.0/24',
    '  podSubnet: 10.61.0.0/16',
    '  serviceSubnet: 10.62.0.0/16',
    '  podNetwork: vxlan',
    '  cni: /etc/lab/{node}',
    '  kubeProxyMode: nftables',
    'nodeMonitorGracePeriodSeconds: 8',
    'insecureRegistries: ["registry.test:5000"]',
  );
  const ssd = { labels: { disk: 'ssd', 'example.com/rack': '7' } };
  assert.deepEqual(config, {
    name: 'demo',
    nodes: ['node1', 'node2', 'node3', 'node4'],
    nodeSettings: {
      node1: ssd,
      node2: ssd,
      node3: {
        taints: [
          { key: 'gpu', value: 'true', effect: 'NoSchedule' },
          { key: 'spare', effect: 'PreferNoSchedule' },
        ],
      },
      node4: { segment: 2 },
    },
    segments: 2,
    nodeCIDR: '10.60.0.0/24',
    podCIDR: '10.61.0.0/16',
    serviceCIDR: '10.62.0.0/16',
    podNetwork: 'vxlan',
    cni: '/etc/lab/{node}',
    kubeProxyMode: 'nftables',
    nodeMonitorGraceSeconds: 8,
    insecureRegistries: ['registry.test:5000'],
  });
});

test('what is not said is left out, so that flags and defaults decide', () => {
  assert.deepEqual(parse(''), {});
  assert.deepEqual(parse('# nothing', 'name: a'), { name: 'a' });
  assert.deepEqual(parse('nodes: []'), { nodes: [], nodeSettings: {} });
});

for (const [what, lines, message] of [
  [
    'an unknown field',
    ['name: a', 'nodez: []'],
    /^lab\.yaml:2: nodez: there is no such field: name, nodes, segments, networking/,
  ],
  [
    'an unknown field deep inside',
    ['nodes:', '- count: 1', '  rol: worker'],
    /^lab\.yaml:3: nodes\[0\]\.rol: there is no such field: role,/,
  ],
  ['a field of every object', ['toString: 1'], /^lab\.yaml:1: toString: there is no such field/],
  [
    'a role that is none',
    ['nodes:', '- role: master'],
    /^lab\.yaml:2: nodes\[0\]\.role: "master" is none of control-plane, worker$/,
  ],
  ['a count that is text', ['nodes:', '- count: "3"'], /^lab\.yaml:2: nodes\[0\]\.count: a whole number from 1 to 200/],
  ['a count too many', ['nodes:', '- count: 201'], /nodes\[0\]\.count/],
  [
    'a range that is none',
    ['networking:', '', '  podSubnet: 10.45.0.0'],
    /^lab\.yaml:3: networking\.podSubnet: 10\.45\.0\.0 is not an IPv4 address range/,
  ],
  [
    'two ranges of one family',
    ['networking: {podSubnet: "fd00::/64,fd01::/64"}'],
    /^lab\.yaml:1: networking\.podSubnet: fd00::\/64,fd01::\/64 is not an IPv4/,
  ],
  ['a name that is none', ['name: A_b'], /^lab\.yaml:1: name: /],
  [
    'text without quotes that is a number',
    ['nodes:', '- labels:', '    rack: 7'],
    /^lab\.yaml:3: nodes\[0\]\.labels\.rack: text is wanted/,
  ],
  [
    'a label that is none',
    ['nodes:', '- labels: {"a b": c}'],
    /^lab\.yaml:2: nodes\[0\]\.labels\.a b: "a b" is no key of a label/,
  ],
  [
    "a label that is not a node's to give",
    ['nodes:', '- labels: {node-role.kubernetes.io/x: ""}'],
    /a node may not give itself this label/,
  ],
  [
    'a taint without effect',
    ['nodes:', '- taints:', '  - key: a'],
    /^lab\.yaml:3: nodes\[0\]\.taints\[0\]: effect is missing$/,
  ],
  ['a list that is none', ['nodes: 3'], /^lab\.yaml:1: nodes: a list is wanted$/],
  ['a field without a value', ['nodes:', 'name: a'], /nodes: a list is wanted/],
  ['fields that are none', ['- a'], /^lab\.yaml:1: fields are wanted/],
  [
    'two control planes',
    ['nodes:', '- role: control-plane', '- role: control-plane'],
    /^lab\.yaml:3: nodes\[1\]: a lab has one control plane$/,
  ],
  [
    'a label of the control plane',
    ['nodes:', '- role: control-plane', '  labels: {a: b}'],
    /^lab\.yaml:3: nodes\[0\]\.labels: /,
  ],
  [
    'a segment of the control plane',
    ['nodes:', '- {role: control-plane, segment: 2}'],
    /^lab\.yaml:2: nodes\[0\]\.segment: /,
  ],
  ['a key twice', ['name: a', 'name: b'], /^lab\.yaml:2: Map keys must be unique$/],
  ['what is no YAML', ['name: [a'], /^lab\.yaml:1: /],
  ['an alias', ['name: &n a', 'nodes: *n'], /^lab\.yaml:2: nodes: a list is wanted$/],
] as const)
  test(`${what} is refused with its line and field`, () => {
    assert.throws(
      () => parse(...lines),
      (error) => error instanceof LabError && (assert.match(error.message, message), true),
    );
  });

test('ranges of two families are taken apart', () => {
  assert.deepEqual(parse('networking: {ipFamily: dual, podSubnet: "10.61.0.0/16,fd00:61::/56"}'), {
    ipFamily: 'dual',
    podCIDR: '10.61.0.0/16',
    ipv6: { podCIDR: 'fd00:61::/56' },
  });
});

test('all mistakes are told at once', () => {
  assert.throws(
    () => parse('nam: a', 'nodes:', '- count: 0'),
    (error) => error instanceof LabError && error.message.split('\n').length === 2,
  );
});

/** `nodes[].labels` */
function paths(field: Field, path: string): string[] {
  if (field.type === 'list') return paths(field.of, `${path}[]`);
  if (field.type !== 'object') return [path];
  return Object.entries(field.fields).flatMap(([name, inner]) => paths(inner, path === '' ? name : `${path}.${name}`));
}

test('the page for people tells of exactly these fields', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/lab.md'), 'utf8');
  const told = [...page.matchAll(/^\| `([^`]+)` \|/gm)].map(([, path]) => path);
  assert.deepEqual(told.sort(), paths(fileFields, '').sort());
});
