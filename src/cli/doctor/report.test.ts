import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Party } from './parties.ts';
import { datagramProblem, problemOf } from './probes.ts';
import { renderFailures, renderMatrix, renderSum, type Finding } from './report.ts';

const pod: Party = { kind: 'pod', name: 'ns/a', node: 'n1', addresses: ['10.45.1.2'] };
const node: Party = { kind: 'node', name: 'n2', node: 'n2', addresses: ['10.44.0.12'] };
const service: Party = { kind: 'service', name: 'ns/web', addresses: ['10.46.0.7'], port: 80 };
const parties = [pod, node, service];
const finding = (from: Party, to: Party, problem?: string): Finding => ({
  from,
  to,
  address: to.addresses[0] ?? '',
  protocol: to.port === undefined ? 'ICMP' : 'TCP',
  problem,
});
const findings = [
  finding(pod, node),
  finding(pod, service, 'connection refused'),
  finding(node, pod, 'no answer in 2 s'),
  finding(node, service),
];

test('the matrix has a row and a column a party', () => {
  assert.equal(
    renderMatrix(parties, findings),
    [
      '#   FROM, TO         ADDRESS        1   2   3',
      '1   pod ns/a (n1)    10.45.1.2      -   .   X',
      '2   node n2          10.44.0.12     X   -   .',
      '3   service ns/web   10.46.0.7:80',
    ].join('\n'),
  );
  assert.equal(renderSum(findings), '2 of 4 ways are open');
});

test('a failure names both, what was seen, and what may be why', () => {
  const evidence = {
    nodes: [
      { metadata: { name: 'n1' }, status: { conditions: [{ type: 'Ready', status: 'False' }] } },
      { metadata: { name: 'n2' }, status: { conditions: [{ type: 'Ready', status: 'True' }] } },
    ],
    policies: [{ metadata: { namespace: 'ns', name: 'deny' } }, { metadata: { namespace: 'other', name: 'x' } }],
    events: [
      {
        metadata: {},
        involvedObject: { kind: 'Node', name: 'n2' },
        reason: 'PodNetworkIncomplete',
        message: 'cannot set "route add …"',
      },
      { metadata: {}, involvedObject: { kind: 'Node', name: 'n2' }, reason: 'NodeReady', message: 'is ready' },
    ],
  };
  assert.deepEqual(renderFailures(findings, evidence), [
    [
      'pod ns/a (n1) to service ns/web at 10.46.0.7:80: connection refused',
      'node n1 is not Ready',
      'NetworkPolicy ns/deny may forbid it',
    ].join('\n    '),
    [
      'node n2 to pod ns/a (n1) at 10.45.1.2: no answer in 2 s',
      'node n1 is not Ready',
      'node n2: PodNetworkIncomplete: cannot set "route add …"',
      'NetworkPolicy ns/deny may forbid it',
    ].join('\n    '),
  ]);
  assert.deepEqual(renderFailures([finding(pod, node)], evidence), []);
  const dns: Party = {
    kind: 'service',
    name: 'ns/dns',
    addresses: ['fd00:46::a'],
    datagrams: { port: 53, listener: 'DNS' },
  };
  const lost: Finding = { from: node, to: dns, address: 'fd00:46::a', protocol: 'UDP', problem: 'no answer in 2 s' };
  assert.match(
    renderFailures([lost], evidence)[0] ?? '',
    /^node n2 to service ns\/dns at \[fd00:46::a\]:53 \(UDP\): no/,
  );
});

for (const [output, problem] of [
  ['From 10.44.0.4 icmp_seq=1 Destination Net Unreachable', 'destination net unreachable'],
  ['From 10.44.0.11 icmp_seq=1 Packet filtered', 'packet filtered'],
  ['ping: connect: Network is unreachable', 'network is unreachable'],
  ['10.46.0.7: line 1: connect: Connection refused', 'connection refused'],
  ['1 packets transmitted, 0 received, 100% packet loss', 'no answer in 2 s'],
] as const)
  test(`seen: ${problem}`, () => {
    assert.equal(problemOf(output), problem);
  });

test('datagrams: a refusal proves the way to nobody, and breaks the one to somebody', () => {
  const refused = 'bash: line 4: read: read error: 3: Connection refused';
  const seen = (listener: 'nobody' | 'DNS' | 'somebody', answered: boolean, output: string) =>
    datagramProblem({ port: 9, listener }, answered, output);
  assert.deepEqual(
    [seen('nobody', false, refused), seen('nobody', false, ''), seen('nobody', false, 'No route to host')],
    [undefined, 'no answer in 2 s', 'no route to host'],
  );
  assert.deepEqual(
    [seen('DNS', true, ''), seen('DNS', false, ''), seen('DNS', false, refused)],
    [undefined, 'no answer in 2 s', 'connection refused'],
  );
  assert.deepEqual([seen('somebody', false, ''), seen('somebody', false, refused)], [undefined, 'connection refused']);
});
