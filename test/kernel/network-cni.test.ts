/** The pod network as a CNI plugin: its front is called as a runtime calls it, on namespaces that somebody else made. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { silentLogger } from '../../src/api/logger.ts';
import type { Node } from '../../src/api/types.gen.ts';
import {
  createNodeNetwork,
  installCni,
  openCniMemory,
  startCniServer,
  type NodeNetwork,
} from '../../src/network/index.ts';
import { addressesOf, clusterCIDRs, clusterNodes, gatewaysOf } from '../cases/world.ts';
import { eventually, FakeEvents, FakeInformers, makeNodeLab, type NodeLab } from './node-lab.ts';
import { askFrom, serveIn, type Server } from './servers.ts';

const noRoot = process.getuid?.() === 0 ? false : 'needs root for network namespaces';

interface Result {
  readonly cniVersion: string;
  readonly code?: number;
  readonly msg?: string;
  readonly interfaces?: readonly { readonly name: string; readonly mac: string; readonly sandbox?: string }[];
  readonly ips?: readonly { readonly address: string; readonly gateway: string }[];
  readonly routes?: readonly { readonly dst: string }[];
  readonly supportedVersions?: readonly string[];
}

let lab: NodeLab;
let network: NodeNetwork;
let server: Server | undefined;
const folder = mkdtempSync(join(tmpdir(), 'network-cni-'));
const socket = join(folder, 'run/cni.sock');
const informers = new FakeInformers();
const events = new FakeEvents();
let abort = new AbortController();
const config = { cniVersion: '1.1.0', name: 'podwire', type: 'podwire' };

async function cni(
  command: string,
  container: string,
  more: object = {},
  env: Readonly<Record<string, string>> = {},
): Promise<Result & { readonly exit: number }> {
  const { stdout, exitCode } = await lab.nodeA.exec.run({
    argv: [join(folder, 'bin/podwire')],
    env: {
      CNI_COMMAND: command,
      CNI_CONTAINERID: container,
      CNI_NETNS: `/run/netns/${container}`,
      CNI_IFNAME: 'eth0',
      CNI_PATH: join(folder, 'bin'),
      CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=${container};K8S_POD_UID=uid-${container}`,
      ...env,
    },
    stdin: JSON.stringify({ ...config, ...more }),
    okExitCodes: [0, 1],
  });
  return { ...(stdout === '' ? { cniVersion: '' } : (JSON.parse(stdout) as Result)), exit: exitCode };
}

const linksOfA = (): Promise<string> => lab.nodeA.exec.sh('ip -o link show type veth');

/** What `podwire network` does, in two steps: nobody listens yet. Returns the second. */
async function startAgent(auditIntervalMs = 3_600_000): Promise<() => Promise<void>> {
  const { exec } = lab.nodeA;
  const { signal } = (abort = new AbortController());
  const memory = await openCniMemory({ exec, folder: join(folder, 'run/pods'), logger: silentLogger });
  network = createNodeNetwork({
    exec,
    nodeName: 'node-a',
    nodeIPs: Object.values(addressesOf['node-a']),
    clusterCIDRs: Object.values(clusterCIDRs),
    informers,
    events,
    logger: silentLogger,
    signal,
    auditIntervalMs,
  });
  await network.start(memory.all());
  return () => startCniServer({ exec, network, memory, socket, logger: silentLogger, signal });
}

let listen: () => Promise<void>;

before(async () => {
  if (noRoot !== false) return;
  lab = await makeNodeLab();
  const { exec } = lab.nodeA;
  listen = await startAgent();
  await installCni({ socket, binDir: join(folder, 'bin'), confDir: join(folder, 'net.d') });
  for (const name of ['c1', 'c2', 'c3', 'c4', 'c5']) await exec.sh(`ip netns add ${name}`);
});

after(async () => {
  abort.abort();
  await server?.end();
  await lab?.end();
  rmSync(folder, { recursive: true, force: true });
});

test('without an agent: try again later; versions are told all the same', { skip: noRoot }, async () => {
  const add = await cni('ADD', 'c1');
  assert.deepEqual([add.exit, add.code, add.cniVersion], [1, 11, '1.1.0']);
  assert.equal((await cni('STATUS', '')).code, 50);
  assert.ok((await cni('VERSION', '')).supportedVersions?.includes('1.1.0'));
});

test('before the node has a pod CIDR: not available, try again later', { skip: noRoot }, async () => {
  await listen();
  assert.equal((await cni('STATUS', '')).code, 50);
  assert.equal((await cni('ADD', 'c1')).code, 11);
  assert.equal((await cni('VERSION', '')).exit, 0);
  informers.of<Node>('nodes').set(...clusterNodes);
  await eventually('the network is ready', async () => network.ready);
  assert.equal((await cni('STATUS', '')).exit, 0);
});

test('ADD: addresses in the namespace of the runtime, and packets flow', { skip: noRoot }, async () => {
  const [c1, c2] = [await cni('ADD', 'c1'), await cni('ADD', 'c2')];
  const { ipv4, ipv6 } = addressesOf.a1;
  assert.deepEqual(
    c1.ips?.map(({ address, gateway }) => [address, gateway]),
    [
      [`${ipv4}/24`, gatewaysOf['node-a'].ipv4],
      [`${ipv6}/64`, gatewaysOf['node-a'].ipv6],
    ],
  );
  assert.equal(c1.interfaces?.[1]?.sandbox, '/run/netns/c1');
  const inside = await lab.nodeA.exec.run({
    argv: ['ip', '-o', 'address', 'show', 'dev', 'eth0'],
    netns: '/run/netns/c1',
  });
  assert.ok(inside.stdout.includes(`${ipv4}/24`) && inside.stdout.includes(`${ipv6}/64`), inside.stdout);
  assert.equal(c2.exit, 0);
  server = await serveIn(lab.nodeA, '/run/netns/c2', 'c2');
  assert.deepEqual(await askFrom(lab.nodeA, '/run/netns/c1', 'tcp', addressesOf.a2.ipv4, 8080), [`c2 ${ipv4}`]);
  assert.match(await linksOfA(), /podwire:default\/c1:uid-c1 attempt=\d+ ip=/);
});

test('ADD again for the same container is the same link', { skip: noRoot }, async () => {
  const before = await linksOfA();
  const again = await cni('ADD', 'c1');
  assert.deepEqual([again.exit, again.ips?.[0]?.address], [0, `${addressesOf.a1.ipv4}/24`]);
  assert.equal(await linksOfA(), before);
});

const inC1 = (...argv: [string, ...string[]]) => lab.nodeA.exec.run({ argv, netns: '/run/netns/c1' });

test('CHECK: right as it is, not by another memory, not without a result before', { skip: noRoot }, async () => {
  const prevResult = { cniVersion: '1.1.0', ips: [{ address: `${addressesOf.a1.ipv4}/24` }] };
  assert.equal((await cni('CHECK', 'c1', { prevResult })).exit, 0);
  assert.equal((await cni('CHECK', 'c1')).code, 7);
  assert.equal((await cni('CHECK', 'c3', { prevResult })).code, 3);
  assert.equal((await cni('CHECK', 'c1', { prevResult, cniVersion: '0.3.1' })).code, 1);
  const other = await cni('CHECK', 'c1', { prevResult: { ...prevResult, ips: [{ address: '10.77.1.77/24' }] } });
  assert.deepEqual([other.code, other.msg?.includes('prevResult has 10.77.1.77/24')], [101, true]);
});

test('CHECK sees what somebody changed, at either end', { skip: noRoot }, async () => {
  const prevResult = { cniVersion: '1.1.0', ips: [{ address: `${addressesOf.a1.ipv4}/24` }] };
  const [, link = ''] = /(pw[\da-f]{8})@\S+ .*uid-c1 /.exec(await linksOfA()) ?? [];
  const inside = async (text: string): Promise<unknown> => inC1('sh', '-c', text);
  const outside = async (text: string): Promise<unknown> => lab.nodeA.exec.sh(text);
  const [, mac = ''] = /ether (\S+)/.exec((await inC1('ip', 'link', 'show', 'eth0')).stdout) ?? [];
  const { ipv4 } = gatewaysOf['node-a'];
  const tampered: readonly [wanted: string, () => Promise<unknown>, mend: () => Promise<unknown>][] = [
    [
      'has lost',
      () => inside(`ip address delete ${addressesOf.a1.ipv4}/24 dev eth0`),
      () => inside(`ip address add ${addressesOf.a1.ipv4}/24 dev eth0; ip route add default via ${ipv4}`),
    ],
    ['default route', () => inside('ip route delete default'), () => inside(`ip route add default via ${ipv4}`)],
    [
      'hardware address',
      () => inside('ip link set eth0 address 0a:58:00:00:00:01'),
      () => inside(`ip link set eth0 address ${mac}`),
    ],
    ['no port of pw0', () => outside(`ip link set ${link} nomaster`), () => outside(`ip link set ${link} master pw0`)],
    ['gone or down', () => outside(`ip link set ${link} down`), () => outside(`ip link set ${link} up`)],
  ];
  for (const [wanted, tamper, mend] of tampered) {
    await tamper();
    const { code, msg = '' } = await cni('CHECK', 'c1', { prevResult });
    assert.deepEqual([code, msg.includes(wanted)], [101, true], `${wanted}: ${msg}`);
    await mend();
    const { exit, msg: left } = await cni('CHECK', 'c1', { prevResult });
    assert.equal(exit, 0, `${wanted}, mended: ${left}`);
  }
});

test('STATUS: a bridge that is down is limited connectivity', { skip: noRoot }, async () => {
  await lab.nodeA.exec.sh('ip link set pw0 down');
  assert.equal((await cni('STATUS', '')).code, 51);
  await lab.nodeA.exec.sh('ip link set pw0 up');
  assert.equal((await cni('STATUS', '')).exit, 0);
  assert.equal((await cni('STATUS', '', { cniVersion: '1.0.0' })).code, 1);
});

test('host ports come with ADD and go with DEL', { skip: noRoot }, async () => {
  const portMappings = [{ hostPort: 7070, containerPort: 8080, protocol: 'tcp' }];
  const { exit, msg, ips } = await cni('ADD', 'c4', { runtimeConfig: { portMappings } });
  assert.equal(exit, 0, msg ?? '');
  const answering = await serveIn(lab.nodeA, '/run/netns/c4', 'c4');
  const ask = () => askFrom(lab.outside, undefined, 'tcp', addressesOf['node-a'].ipv4, 7070);
  assert.deepEqual(await ask(), [`c4 ${addressesOf.outside.ipv4}`]);
  await answering.end();
  assert.equal((await cni('DEL', 'c4')).exit, 0);
  assert.notDeepEqual(await ask(), [`c4 ${addressesOf.outside.ipv4}`]);
  assert.doesNotMatch(await lab.nodeA.exec.sh('iptables-save -t nat'), new RegExp(`7070|${ips?.[0]?.address}`));
  const bad = await cni('ADD', 'c4', { runtimeConfig: { portMappings: [{ hostPort: 70_000, containerPort: 1 }] } });
  assert.equal(bad.code, 7);
});

test('limits of bandwidth come with ADD and go with DEL', { skip: noRoot }, async () => {
  const shaped = async (): Promise<string> =>
    `${await lab.nodeA.exec.sh('tc qdisc show')}${await lab.nodeA.exec.sh('ip -o link show type ifb')}`;
  const bandwidth = { ingressRate: 8_000_000, ingressBurst: 2_147_483_647, egressRate: 16_000_000 };
  const { exit, msg } = await cni('ADD', 'c4', { runtimeConfig: { bandwidth } });
  assert.equal(exit, 0, msg ?? '');
  assert.match(await shaped(), /tbf .*rate 8Mbit[^]*tbf .*rate 16Mbit|tbf .*rate 16Mbit[^]*tbf .*rate 8Mbit/);
  assert.equal((await cni('DEL', 'c4')).exit, 0);
  assert.doesNotMatch(await shaped(), /tbf|ifb/);
});

test('what cannot be a pod is refused by its code, and leaves nothing behind', { skip: noRoot }, async () => {
  const state = async (): Promise<unknown> => [
    await linksOfA(),
    await lab.nodeA.exec.sh('ls /run/netns'),
    await lab.nodeA.exec.sh('ip -4 route show'),
  ];
  const before = await state();
  await lab.nodeA.exec.sh('ip -n c3 link add eth0 type bridge');
  for (const [code, why, env, more] of [
    [8, 'a file', { CNI_NETNS: '/etc/hostname' }, {}],
    [8, 'nothing there', { CNI_NETNS: '/run/netns/no-such' }, {}],
    [8, 'the node itself', { CNI_NETNS: '/proc/self/ns/net' }, {}],
    [100, 'a link of that name is there', {}, {}],
    [4, 'no container', { CNI_CONTAINERID: '' }, {}],
    [4, 'no name of a link', { CNI_IFNAME: '../net1' }, {}],
    [7, 'no name of a network', {}, { name: '' }],
    [1, 'a version to come', {}, { cniVersion: '2.0.0' }],
  ] as const) {
    const failed = await cni('ADD', 'c3', more, env);
    assert.deepEqual([failed.exit, failed.code], [1, code], `${why}: ${failed.msg}`);
    assert.deepEqual(await state(), before, why);
  }
  await lab.nodeA.exec.sh('ip -n c3 link delete eth0');
});

test('DEL, twice, also when the namespace is gone; the namespace itself stays', { skip: noRoot }, async () => {
  for (const time of ['once', 'twice']) {
    const { exit, msg } = await cni('DEL', 'c1');
    assert.equal(exit, 0, `${time}: ${msg}`);
  }
  assert.doesNotMatch(await linksOfA(), /uid-c1/);
  assert.match(await lab.nodeA.exec.sh('ls /run/netns'), /^c1$/m);
  assert.equal((await cni('ADD', 'c3')).exit, 0);
  await lab.nodeA.exec.sh('ip netns delete c3');
  const never = await cni('DEL', 'never', {}, { CNI_NETNS: '/run/netns/no-such' });
  assert.equal(never.exit, 0, never.msg ?? '');
  const gone = await cni('DEL', 'c3', {}, { CNI_NETNS: '' });
  assert.equal(gone.exit, 0, gone.msg ?? '');
  assert.doesNotMatch(await linksOfA(), /uid-c3/);
});

test('GC takes what no runtime claims, and nothing that a kubelet of ours made', { skip: noRoot }, async () => {
  await cni('ADD', 'c1');
  const own = { namespace: 'default', name: 'own', uid: 'uid-own', attempt: 0 };
  await network.setUp(own);
  const collected = await cni('GC', '', { 'cni.dev/valid-attachments': [{ containerID: 'c2', ifname: 'eth0' }] });
  assert.equal(collected.exit, 0);
  assert.equal((await cni('GC', '')).code, 7);
  const links = await linksOfA();
  assert.doesNotMatch(links, /uid-c1/);
  assert.match(links, /uid-c2/);
  assert.match(links, /uid-own/);
  await network.tearDown(own);
});

const net1 = { CNI_IFNAME: 'net1' };
const routesIn = (name: string): Promise<string> => lab.nodeA.exec.sh(`ip -n ${name} -4 route show default`);

test('a link of another name is the one of its namespace, by ADD, CHECK and DEL', { skip: noRoot }, async () => {
  const added = await cni('ADD', 'c4', {}, net1);
  assert.deepEqual([added.exit, added.interfaces?.[1]?.name], [0, 'net1'], added.msg ?? '');
  const [{ address = '' } = {}] = added.ips ?? [];
  assert.match(await lab.nodeA.exec.sh('ip -n c4 -o address show dev net1'), new RegExp(address));
  assert.match(await routesIn('c4'), new RegExp(`via ${gatewaysOf['node-a'].ipv4} dev net1`));
  assert.deepEqual(await askFrom(lab.nodeA, '/run/netns/c4', 'tcp', addressesOf.a2.ipv4, 8080), [
    `c2 ${address.replace(/\/.*/, '')}`,
  ]);
  assert.equal((await cni('CHECK', 'c4', { prevResult: added }, net1)).exit, 0);
  assert.equal((await cni('CHECK', 'c4', { prevResult: added })).code, 3, 'eth0 was never made');
  assert.equal((await cni('DEL', 'c4')).exit, 0, 'nor is it there to delete');
  await lab.nodeA.exec.sh('ip -n c4 link set net1 down');
  const down = await cni('CHECK', 'c4', { prevResult: added }, net1);
  assert.deepEqual([down.code, down.msg?.includes('net1 is gone or down')], [101, true], down.msg ?? '');
  assert.equal((await cni('DEL', 'c4', {}, net1)).exit, 0);
  assert.doesNotMatch(await lab.nodeA.exec.sh('ip -n c4 -o link show'), /net1/);
});

test('beside an eth0 of somebody else it leaves the default route alone', { skip: noRoot }, async () => {
  const { exec } = lab.nodeA;
  await exec.batch(['link add theirs type veth peer name eth0 netns c5', 'link set theirs up']);
  for (const line of ['address add 198.51.100.2/24 dev eth0', 'link set eth0 up', 'route add default via 198.51.100.1'])
    await exec.sh(`ip -n c5 ${line}`);
  const before = await routesIn('c5');
  const added = await cni('ADD', 'c5', {}, net1);
  assert.equal(added.exit, 0, added.msg ?? '');
  assert.equal(await routesIn('c5'), before);
  assert.deepEqual(
    added.routes?.filter(({ dst }) => dst === '0.0.0.0/0'),
    [],
  );
  assert.equal((await cni('CHECK', 'c5', { prevResult: added }, net1)).exit, 0);
  const valid = [
    { containerID: 'c2', ifname: 'eth0' },
    { containerID: 'c5', ifname: 'net1' },
  ];
  assert.equal((await cni('GC', '', { 'cni.dev/valid-attachments': valid })).exit, 0);
  assert.match(await linksOfA(), /uid-c5/);
  assert.equal((await cni('GC', '', { 'cni.dev/valid-attachments': valid.slice(0, 1) })).exit, 0);
  assert.doesNotMatch(await linksOfA(), /uid-c5/);
  assert.match(await exec.sh('ip -n c5 -o link show'), /eth0/);
  await exec.sh('ip link delete theirs');
});

test('links that go while no agent runs are put back, and it is told', { skip: noRoot }, async () => {
  const added = await cni('ADD', 'c4', {}, net1);
  const gone = [...(await linksOfA()).matchAll(/(pw[\da-f]{8})@\S+ .*uid-c[24] /g)].map(([, link = '']) => link);
  assert.equal(gone.length, 2);
  abort.abort();
  for (const link of gone) await lab.nodeA.exec.sh(`ip link delete ${link}`);
  // The bridge was down, and has lost the gateway of one family: what was put back by half would stay so.
  assert.doesNotMatch(await lab.nodeA.exec.sh('ip -6 address show dev pw0'), new RegExp(gatewaysOf['node-a'].ipv6));
  await (
    await startAgent(300)
  )();
  for (const name of ['c2', 'c4'])
    await eventually(
      `${name} is told of`,
      async () => events.seen.some(({ message }) => message.includes(`default/${name} was gone and is there again`)),
      20_000,
    );
  assert.deepEqual(await askFrom(lab.nodeA, '/run/netns/c4', 'tcp', addressesOf.a2.ipv4, 8080), [
    `c2 ${added.ips?.[0]?.address.replace(/\/.*/, '')}`,
  ]);
  // The kernel gives a link that has just come up addresses of its own.
  await eventually(
    'it is as it was made',
    async () => (await cni('CHECK', 'c4', { prevResult: added }, net1)).exit === 0,
  );
  assert.equal((await cni('DEL', 'c4', {}, net1)).exit, 0);
  assert.equal(readdirSync(join(folder, 'run/pods')).length, 1, 'of who went nothing is remembered');
});

test('a runtime finds program and configuration', () => {
  if (noRoot !== false) return;
  const conflist = JSON.parse(readFileSync(join(folder, 'net.d/05-podwire.conflist'), 'utf8')) as {
    plugins: unknown[];
  };
  assert.deepEqual(conflist.plugins, [{ type: 'podwire', capabilities: { portMappings: true, bandwidth: true } }]);
});
