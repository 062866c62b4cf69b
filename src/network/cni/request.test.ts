import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CniError, errorText } from './errors.ts';
import { needsOf } from './needs.ts';
import { attachmentOf, attemptOf, firstCniAttempt, parseRequest, versionOf } from './request.ts';
import { addResult } from './result.ts';

const env = {
  CNI_COMMAND: 'ADD',
  CNI_CONTAINERID: 'c1',
  CNI_NETNS: '/run/netns/c1',
  CNI_IFNAME: 'eth0',
  CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web;K8S_POD_UID=u-1',
};
const message = (
  changes: Readonly<Record<string, string>> = {},
  config: unknown = { cniVersion: '1.1.0', name: 'n' },
): string =>
  `${Object.entries({ ...env, ...changes })
    .map(([key, value]) => `${key}=${value}\0`)
    .join('')}\0${typeof config === 'string' ? config : JSON.stringify(config)}`;

test('who an attachment is for', () => {
  const { pod, netns } = attachmentOf(parseRequest(message()));
  assert.deepEqual(pod, { namespace: 'shop', name: 'web', uid: 'u-1', attempt: attemptOf('c1') });
  assert.equal(netns, '/run/netns/c1');
  const nameless = attachmentOf(parseRequest(message({ CNI_ARGS: '' })));
  assert.deepEqual([nameless.pod.namespace, nameless.pod.name, nameless.pod.uid], ['cni', 'c1', 'c1']);
  assert.ok(attemptOf('c1') >= firstCniAttempt && attemptOf('c1') !== attemptOf('c2'));
  assert.equal(attachmentOf(parseRequest(message({ CNI_COMMAND: 'DEL', CNI_NETNS: '' }))).netns, undefined);
});

test('a link of another name is another attachment, with a number of its own', () => {
  const eth0 = attachmentOf(parseRequest(message()));
  const net1 = attachmentOf(parseRequest(message({ CNI_IFNAME: 'net1' })));
  assert.deepEqual([eth0.pod.ifname, net1.pod.ifname], [undefined, 'net1']);
  assert.notEqual(net1.pod.attempt, eth0.pod.attempt);
  assert.equal(net1.pod.attempt, attemptOf('c1', 'net1'));
  assert.ok(net1.pod.attempt >= firstCniAttempt);
  for (const name of ['a', 'pod37f9.100', 'net_1-x', 'fifteen-letters'])
    assert.equal(attachmentOf(parseRequest(message({ CNI_IFNAME: name }))).pod.ifname, name);
});

test('what cannot be has the code of the specification', () => {
  const codeOf = (text: string): number => {
    try {
      attachmentOf(parseRequest(text));
      return 0;
    } catch (error) {
      return error instanceof CniError ? error.code : -1;
    }
  };
  assert.equal(codeOf(message({ CNI_COMMAND: 'HELP' })), 4);
  assert.equal(codeOf(message({ CNI_CONTAINERID: '../x' })), 4);
  for (const name of ['', '.', '..', '-4', 'a/b', 'a b', 'a:b', 'a\nlink', '%d', '"', 'sixteen-letters-'])
    assert.equal(codeOf(message({ CNI_IFNAME: name })), 4, name);
  assert.equal(codeOf(message({ CNI_NETNS: '' })), 4);
  assert.equal(codeOf(message({ CNI_NETNS: 'self' })), 4);
  assert.equal(codeOf(message({}, '{')), 6);
  assert.equal(codeOf(message({}, '[]')), 6);
  assert.equal(codeOf(message({}, { cniVersion: '2.0.0' })), 1);
  assert.equal(codeOf('no end'), 4);
  assert.equal(codeOf(message({}, { cniVersion: '1.1.0' })), 7);
  assert.equal(codeOf(message({}, { cniVersion: '1.1.0', name: '../n' })), 7);
  for (const [verb, version] of [
    ['CHECK', '0.3.1'],
    ['STATUS', '1.0.0'],
    ['GC', '1.0.0'],
  ] as const)
    assert.equal(codeOf(message({ CNI_COMMAND: verb }, { cniVersion: version, name: 'n' })), 1, verb);
});

test('host ports, as runtimes pass them on', () => {
  const needs = (portMappings: unknown): unknown =>
    needsOf(parseRequest(message({}, { cniVersion: '1.1.0', name: 'n', runtimeConfig: { portMappings } })).config);
  assert.deepEqual(needsOf(parseRequest(message()).config), {});
  assert.deepEqual(needs([{ hostPort: 0, containerPort: 80, protocol: 'tcp' }]), {});
  assert.deepEqual(
    needs([
      { hostPort: 8080, containerPort: 80, protocol: 'tcp', hostIP: '' },
      { hostPort: 53, containerPort: 53, protocol: 'udp', hostIP: '192.0.2.1' },
      // as containerd has it
      { HostPort: 90, ContainerPort: 9, Protocol: 'tcp', HostIP: '' },
    ]),
    {
      hostPorts: [
        { hostIP: '', hostPort: 8080, containerPort: 80, protocol: 'TCP' },
        { hostIP: '192.0.2.1', hostPort: 53, containerPort: 53, protocol: 'UDP' },
        { hostIP: '', hostPort: 90, containerPort: 9, protocol: 'TCP' },
      ],
    },
  );
  for (const bad of [
    {},
    [null],
    [{ hostPort: 65_536, containerPort: 1 }],
    [{ hostPort: 1, containerPort: '1' }],
    [{ hostPort: 1, containerPort: 1, protocol: 'tcp -j ACCEPT' }],
    [{ hostPort: 1, containerPort: 1, hostIP: 'localhost' }],
    Array.from({ length: 1025 }, (_, index) => ({ hostPort: index + 1, containerPort: 1 })),
  ])
    assert.throws(() => needs(bad), { name: 'CniError', code: 7 });
});

test('limits of bandwidth, as runtimes pass them on', () => {
  const needs = (bandwidth: unknown): unknown =>
    needsOf(parseRequest(message({}, { cniVersion: '1.1.0', name: 'n', runtimeConfig: { bandwidth } })).config);
  assert.deepEqual(needs({ ingressRate: 8_000_000, ingressBurst: 2_147_483_647 }), {
    bandwidth: { ingress: 8_000_000 },
  });
  // as containerd has it
  assert.deepEqual(needs({ IngressRate: 0, IngressBurst: 0, EgressRate: 1e6, EgressBurst: 1 }), {
    bandwidth: { egress: 1e6 },
  });
  assert.deepEqual(needs({}), {});
  for (const bad of ['fast', { ingressRate: -1 }, { egressRate: 1e16 }, { egressRate: '1M' }])
    assert.throws(() => needs(bad), { name: 'CniError', code: 7 });
});

test('errors are answered in the version that was asked in', () => {
  assert.equal(versionOf(message({}, { cniVersion: '0.4.0' })), '0.4.0');
  assert.equal(versionOf(message({}, { cniVersion: '9.9.9' })), '1.0.0');
  assert.deepEqual(JSON.parse(errorText(new CniError(7, 'why', 'more'), '1.1.0')), {
    cniVersion: '1.1.0',
    code: 7,
    msg: 'why',
    details: 'more',
  });
});

test('results in the words of old and new versions', () => {
  const attachment = {
    uid: 'u',
    attempt: 1,
    link: 'pw1',
    ifname: 'eth0',
    mac: '0a:58:0a:2d:01:02',
    mtu: 1400,
    addresses: [
      { ip: '10.45.1.2', prefixLength: 24, gateway: '10.45.1.1' },
      { ip: 'fd00:45::2', prefixLength: 64, gateway: 'fd00:45::1' },
    ],
  };
  const newest: unknown = JSON.parse(addResult('1.1.0', attachment, '/run/netns/c1'));
  assert.deepEqual(newest, {
    cniVersion: '1.1.0',
    interfaces: [
      { name: 'pw1', mac: '', mtu: 1400 },
      { name: 'eth0', mac: '0a:58:0a:2d:01:02', mtu: 1400, sandbox: '/run/netns/c1' },
    ],
    ips: [
      { interface: 1, address: '10.45.1.2/24', gateway: '10.45.1.1' },
      { interface: 1, address: 'fd00:45::2/64', gateway: 'fd00:45::1' },
    ],
    routes: [
      { dst: '0.0.0.0/0', gw: '10.45.1.1' },
      { dst: '::/0', gw: 'fd00:45::1' },
    ],
    dns: {},
  });
  const old = JSON.parse(addResult('0.4.0', attachment, '/n')) as { ips: { version: string }[] };
  assert.deepEqual(
    old.ips.map(({ version }) => version),
    ['4', '6'],
  );
});
