/** The pod network as a CNI plugin: its front is called as a runtime calls it, on namespaces that somebody else made. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { silentLogger } from '../../src/api/logger.ts';
import type { Node } from '../../src/api/types.gen.ts';
import { createNodeNetwork, installCni, startCniServer, type NodeNetwork } from '../../src/network/index.ts';
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
  readonly supportedVersions?: readonly string[];
}

let lab: NodeLab;
let network: NodeNetwork;
let server: Server | undefined;
const folder = mkdtempSync(join(tmpdir(), 'network-cni-'));
const socket = join(folder, 'run/cni.sock');
const informers = new FakeInformers();
const abort = new AbortController();
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

before(async () => {
  if (noRoot !== false) return;
  lab = await makeNodeLab();
  const { exec } = lab.nodeA;
  network = createNodeNetwork({
    exec,
    nodeName: 'node-a',
    nodeIPs: Object.values(addressesOf['node-a']),
    clusterCIDRs: Object.values(clusterCIDRs),
    informers,
    events: new FakeEvents(),
    logger: silentLogger,
    signal: abort.signal,
  });
  await network.start();
  await installCni({ socket, binDir: join(folder, 'bin'), confDir: join(folder, 'net.d') }, []);
  for (const name of ['c1', 'c2', 'c3']) await exec.sh(`ip netns add ${name}`);
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
  await startCniServer({ exec: lab.nodeA.exec, network, socket, logger: silentLogger, signal: abort.signal });
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

test('CHECK: right as it is, not with an address lost, not without a result before', { skip: noRoot }, async () => {
  const prevResult = { cniVersion: '1.1.0', ips: [{ address: `${addressesOf.a1.ipv4}/24` }] };
  assert.equal((await cni('CHECK', 'c1', { prevResult })).exit, 0);
  assert.equal((await cni('CHECK', 'c1')).code, 7);
  assert.equal((await cni('CHECK', 'c3', { prevResult })).code, 3);
  const change = async (verb: string): Promise<void> => {
    const argv = ['ip', 'address', verb, `${addressesOf.a1.ipv4}/24`, 'dev', 'eth0'] as const;
    await lab.nodeA.exec.run({ argv, netns: '/run/netns/c1' });
  };
  await change('delete');
  const lost = await cni('CHECK', 'c1', { prevResult });
  assert.deepEqual([lost.code, lost.msg?.includes('has lost')], [101, true]);
  await change('add');
});

test('a namespace that is none leaves nothing behind', { skip: noRoot }, async () => {
  const before = [await linksOfA(), await lab.nodeA.exec.sh('ls /run/netns')];
  const failed = await cni('ADD', 'c3', {}, { CNI_NETNS: '/etc/hostname' });
  assert.deepEqual([failed.exit, failed.code], [1, 100]);
  assert.deepEqual([await linksOfA(), await lab.nodeA.exec.sh('ls /run/netns')], before);
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
  const links = await linksOfA();
  assert.doesNotMatch(links, /uid-c1/);
  assert.match(links, /uid-c2/);
  assert.match(links, /uid-own/);
  await network.tearDown(own);
});

test('a runtime finds program and configuration', () => {
  if (noRoot !== false) return;
  const conflist = JSON.parse(readFileSync(join(folder, 'net.d/05-podwire.conflist'), 'utf8')) as {
    plugins: unknown[];
  };
  assert.deepEqual(conflist.plugins, [{ type: 'podwire' }]);
});
