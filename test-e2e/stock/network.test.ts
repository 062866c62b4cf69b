/** Our network and our Service proxy in a cluster that is otherwise stock, by the DaemonSets of deploy/. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { KubeList } from '../../src/api/client.ts';
import type { Node, Pod, Service } from '../../src/api/types.gen.ts';
import { eventually } from '../lab.ts';
import { StockCluster } from './cluster.ts';
import { busyboxImage } from './images.ts';
import { whatIsMissing } from './programs.ts';

const skip = whatIsMissing() ?? false;
const cluster = new StockCluster('pwstock');
const nodes = ['node1', 'node2'] as const;
const [hostPort, webPort] = [7070, 8080];
const limitMs = 60_000;

const page = `mkdir /www && hostname > /www/index.html && exec httpd -f -p ${webPort} -h /www`;
const webPod = (name: string, nodeName: string, more: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app: 'web' } },
  spec: {
    nodeName,
    terminationGracePeriodSeconds: 0,
    containers: [
      { name: 'web', image: busyboxImage, command: ['sh', '-c', page], ports: [{ containerPort: webPort, ...more }] },
    ],
  },
});

async function manifest(name: string): Promise<string> {
  const text = await readFile(join(import.meta.dirname, '../../deploy', name), 'utf8');
  return text.replaceAll('10.244.0.0/16', cluster.podCIDR).replaceAll('192.0.2.1', cluster.apiAddress);
}

const podsNow = async (): Promise<readonly Pod[]> => (await cluster.get<KubeList<Pod>>('pods')).items;
const podNamed = async (name: string): Promise<Pod> => cluster.get<Pod>('pod', name);
const ipOf = async (name: string): Promise<string> => (await podNamed(name)).status?.podIP ?? '';
const inPod = (name: string, ...argv: readonly string[]): Promise<string> =>
  cluster.kubectl(['exec', name, '--', ...argv]);
const ready = (name: string): Promise<string> =>
  cluster.kubectl(['wait', '--for=condition=Ready', `pod/${name}`, `--timeout=${limitMs}ms`]);
/** The name of the pod that answers. */
const askFrom = async (name: string, address: string, port: number): Promise<string> =>
  (await inPod(name, 'wget', '-q', '-O', '-', `http://${address}:${port}/`)).trim();
const nodeAddress = async (name: string): Promise<string> =>
  (await cluster.get<Node>('node', name)).status?.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? '';
const agentLogs = (name: string): Promise<string> =>
  cluster.kubectl(['-n', 'kube-system', 'logs', '-l', `app=${name}`, '--tail=-1', '--prefix']);

async function rolledOut(name: string): Promise<void> {
  await cluster.kubectl(['-n', 'kube-system', 'rollout', 'status', `daemonset/${name}`, `--timeout=${limitMs}ms`]);
}

/** Our links to pods on a node. */
async function linksOn(node: string): Promise<readonly string[]> {
  return (await cluster.onNode(node, ['ip', '-o', 'link', 'show', 'type', 'veth'])).match(/podwire:\S+/g) ?? [];
}

/** As a runtime would call it. */
async function callPlugin(node: string, env: Readonly<Record<string, string>>, more: object = {}): Promise<string> {
  const config = { cniVersion: '1.1.0', name: 'podwire', type: 'podwire', ...more };
  const words = Object.entries({ CNI_PATH: '/opt/cni/bin', ...env }).map(([key, value]) => `${key}=${value}`);
  return cluster.onNode(node, ['env', ...words, '/opt/cni/bin/podwire'], JSON.stringify(config));
}

before(async () => {
  if (skip !== false) return;
  await cluster.down();
  await cluster.up(nodes).catch(async (error: unknown) => {
    throw new Error(await cluster.logs(), { cause: error });
  });
});

after(async () => {
  if (skip === false) await cluster.down();
});

test('without a network no node is ready', { skip }, async () => {
  const { items } = await cluster.get<KubeList<Node>>('nodes');
  for (const { status } of items) {
    const condition = status?.conditions?.find(({ type }) => type === 'Ready');
    assert.equal(condition?.status, 'False');
    assert.match(condition.message ?? '', /cni plugin not initialized/);
  }
});

test('two DaemonSets: Services, then the network, and the nodes are ready', { skip }, async () => {
  for (const name of ['proxy', 'network']) await cluster.applyText(await manifest(`${name}.yaml`));
  await cluster.kubectl(['wait', '--for=condition=Ready', 'nodes', '--all', `--timeout=${limitMs}ms`]);
  for (const name of ['podwire-proxy', 'podwire-network']) await rolledOut(name);
});

test('pods on one node and on two, by their addresses, by a Service and by a host port', { skip }, async () => {
  const service = {
    kind: 'Service',
    metadata: { name: 'web' },
    spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: webPort }] },
  };
  await cluster.apply(webPod('a', 'node1', { hostPort }), webPod('b', 'node1'), webPod('c', 'node2'), {
    apiVersion: 'v1',
    ...service,
  });
  for (const name of ['a', 'b', 'c']) await ready(name);
  for (const [from, to] of [
    ['a', 'b'],
    ['a', 'c'],
    ['c', 'a'],
  ] as const) {
    const address = await ipOf(to);
    await inPod(from, 'ping', '-c', '2', '-W', '5', address);
    assert.equal(await askFrom(from, address, webPort), to);
  }
  const { spec } = await cluster.get<Service>('service', 'web');
  const clusterIP = spec?.clusterIP ?? '';
  await eventually('the Service is served', async () => /^[abc]$/.test(await askFrom('c', clusterIP, 80)));
  const [own, other] = [await nodeAddress('node1'), await nodeAddress('node2')];
  assert.equal((await (await fetch(`http://${own}:${hostPort}/`)).text()).trim(), 'a');
  assert.equal(await askFrom('c', own, hostPort), 'a');
  assert.equal(await askFrom('a', own, hostPort), 'a', 'a pod calls itself by its host port');
  await assert.rejects(fetch(`http://${other}:${hostPort}/`, { signal: AbortSignal.timeout(2000) }));
});

test('kubelet, containerd and the agent start anew: the same pods, and they go on', { skip }, async () => {
  const look = async (): Promise<unknown> =>
    (await podsNow()).map(({ metadata, status }) => [
      metadata.name,
      status?.podIP,
      status?.containerStatuses?.map(({ restartCount, containerID }) => [restartCount, containerID]),
    ]);
  const before = await look();
  const [address, port] = [await nodeAddress('node1'), hostPort];
  for (const service of ['kubelet', 'containerd']) await cluster.restart('node1', service);
  await cluster.kubectl(['-n', 'kube-system', 'delete', 'pods', '-l', 'app=podwire-network', '--grace-period=1']);
  // While all of it is away the kernel has what it needs.
  assert.equal((await (await fetch(`http://${address}:${port}/`)).text()).trim(), 'a');
  await eventually(
    'the node is as it was',
    async () => (await askFrom('a', await ipOf('c'), webPort)) === 'c',
    limitMs,
  );
  await rolledOut('podwire-network');
  assert.deepEqual(await look(), before);
  await cluster.apply(webPod('d', 'node1'));
  await ready('d');
  assert.equal(await askFrom('d', await ipOf('c'), webPort), 'c');
});

test(
  'while there is no agent a pod waits, and its Event says why; it comes when the agent does',
  { skip },
  async () => {
    const nowhere = { spec: { template: { spec: { nodeSelector: { nowhere: 'true' } } } } };
    const patch = (how: object): Promise<string> =>
      cluster.kubectl([
        '-n',
        'kube-system',
        'patch',
        'daemonset',
        'podwire-network',
        '--type=merge',
        '-p',
        JSON.stringify(how),
      ]);
    await patch(nowhere);
    await eventually('the agents are gone', async () => (await agentLogs('podwire-network')) === '', limitMs);
    await cluster.kubectl(['delete', 'pod', 'd', '--wait=false']);
    await cluster.apply(webPod('e', 'node2'));
    const events = ['events', '--for=pod/e'];
    await eventually(
      'why it waits',
      async () => /podwire.*does not listen/.test(await cluster.kubectl(events)),
      limitMs,
    );
    await patch({ spec: { template: { spec: { nodeSelector: null } } } });
    await ready('e');
    assert.equal(await askFrom('e', await ipOf('a'), webPort), 'a');
    await cluster.kubectl(['wait', '--for=delete', 'pod/d', `--timeout=${limitMs}ms`]);
  },
);

test('GC takes what containerd knows nothing of, and nothing else', { skip }, async () => {
  await cluster.onNode('node1', ['ip', 'netns', 'add', 'leaked']);
  const env = { CNI_CONTAINERID: 'leaked', CNI_NETNS: '/run/netns/leaked', CNI_IFNAME: 'eth0' };
  await callPlugin('node1', { ...env, CNI_COMMAND: 'ADD', CNI_ARGS: 'K8S_POD_UID=uid-leaked' });
  const before = await linksOn('node1');
  assert.ok(
    before.some((alias) => alias.includes('leaked')),
    before.join(),
  );
  const listed = await cluster.onNode('node1', [
    join(process.env['PODWIRE_STOCK_BIN'] ?? '', 'ctr'),
    '-n',
    'k8s.io',
    'containers',
    'ls',
    '-q',
  ]);
  const valid = listed.split('\n').map((containerID) => ({ containerID, ifname: 'eth0' }));
  await callPlugin('node1', { CNI_COMMAND: 'GC' }, { 'cni.dev/valid-attachments': valid });
  assert.deepEqual((await linksOn('node1')).toSorted(), before.filter((alias) => !alias.includes('leaked')).toSorted());
  await cluster.onNode('node1', ['ip', 'netns', 'delete', 'leaked']);
  assert.equal(await askFrom('b', await ipOf('c'), webPort), 'c');
});

test('each may what it does, and no more', { skip }, async () => {
  const may = (account: string, ...what: readonly string[]): Promise<string> =>
    cluster
      .kubectl(['auth', 'can-i', ...what, `--as=system:serviceaccount:kube-system:${account}`])
      .catch(({ stdout }: { stdout: string }) => stdout);
  for (const account of ['podwire-network', 'podwire-proxy']) {
    assert.doesNotMatch(await agentLogs(account), /forbidden/i, account);
    for (const what of [
      ['get', 'secrets', '-A'],
      ['create', 'pods', '-A'],
      ['update', 'nodes'],
      ['create', 'serviceaccounts/token', '-A'],
    ])
      assert.equal(await may(account, ...what), 'no', `${account}: ${what.join(' ')}`);
  }
  assert.equal(await may('podwire-network', 'watch', 'nodes'), 'yes');
});

test('what is deleted leaves nothing behind on its node', { skip }, async () => {
  await cluster.kubectl(['delete', 'pods', '--all', '--now', `--timeout=${limitMs}ms`]);
  for (const node of nodes) {
    await eventually(`no link of a pod on ${node}`, async () => (await linksOn(node)).length === 0, limitMs);
    assert.doesNotMatch(await cluster.onNode(node, ['iptables-save', '-t', 'nat']), new RegExp(`dport ${hostPort}`));
    assert.equal((await cluster.onNode(node, ['ls', '/run/netns'])).trim(), '');
  }
});
