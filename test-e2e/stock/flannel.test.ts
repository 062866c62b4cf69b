/** Flannel as the network of our agents: its daemon on each node, its plugin and Debian's under `networking.cni`. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Node } from '../../src/api/types.gen.ts';
import { eventually, Lab } from '../lab.ts';
import { flannelFolder, whyNoFlannel } from './flannel-programs.ts';

const skip = (await whyNoFlannel()) ?? false;
const lab = new Lab('pwflannel');
const nodes = ['node1', 'node2'] as const;
const [webPort, hostPort] = [8080, 7071];
let folder = '';

/** As flannel's own manifest has it. */
const conflist = {
  name: 'cbr0',
  cniVersion: '0.3.1',
  plugins: [
    { type: 'flannel', delegate: { hairpinMode: true, isDefaultGateway: true } },
    { type: 'portmap', capabilities: { portMappings: true } },
  ],
};

const account = { namespace: 'kube-system', name: 'flannel' };
const rights = [
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: account },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'flannel' },
    rules: [
      { apiGroups: [''], resources: ['pods'], verbs: ['get'] },
      { apiGroups: [''], resources: ['nodes'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: [''], resources: ['nodes/status'], verbs: ['patch'] },
    ],
  },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'flannel' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'flannel' },
    subjects: [{ kind: 'ServiceAccount', ...account }],
  },
];

/** Signs in as flannel's ServiceAccount. */
async function writeKubeconfig(): Promise<void> {
  const { stdout: token } = await lab.kubectl(['-n', account.namespace, 'create', 'token', account.name]);
  const { stdout } = await lab.kubectl(['config', 'view', '--raw', '-o', 'json']);
  const config = JSON.parse(stdout) as { users: { name: string }[] };
  const users = config.users.map(({ name }) => ({ name, user: { token: token.trim() } }));
  await writeFile(join(folder, 'kubeconfig'), JSON.stringify({ ...config, users }));
}

async function startFlannel(node: string): Promise<void> {
  const daemon = [
    join(flannelFolder, 'flanneld'),
    '--kube-subnet-mgr',
    `--kubeconfig-file=${folder}/kubeconfig`,
    `--net-config-path=${folder}/net-conf.json`,
    '--iface=eth0',
    '--ip-masq',
  ].join(' ');
  const script = [
    'mount -t tmpfs tmpfs /opt',
    'mkdir -p /opt/cni/bin',
    `cp ${join(flannelFolder, 'flannel')} /opt/cni/bin/`,
    `NODE_NAME=${node} setsid ${daemon} > /var/log/flanneld.log 2>&1 < /dev/null &`,
  ];
  await lab.onNode(node, ['sh', '-ec', script.join('\n')]);
}

const web = (name: string, node: string, more: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: {
    nodeName: node,
    terminationGracePeriodSeconds: 0,
    containers: [
      {
        name: 'web',
        image: 'busybox',
        command: ['sh', '-c', `mkdir /www && hostname > /www/index.html && exec httpd -f -p ${webPort} -h /www`],
        ports: [{ containerPort: webPort, ...more }],
      },
    ],
  },
});

const ready = (name: string) => lab.kubectl(['wait', '--for=condition=Ready', `pod/${name}`, '--timeout=60s']);
const ipOf = async (name: string): Promise<string> =>
  (await lab.kubectl(['get', 'pod', name, '-o', 'jsonpath={.status.podIP}'])).stdout;
const ask = async (from: string, address: string, port = webPort): Promise<string> =>
  (await lab.inPod(from, ['wget', '-q', '-O', '-', `http://${address}:${port}/`])).stdout.trim();

before(async () => {
  if (skip !== false) return;
  folder = await mkdtemp(join(tmpdir(), 'podwire-flannel-'));
  await mkdir(join(folder, 'net.d'));
  await writeFile(join(folder, 'net.d/10-flannel.conflist'), JSON.stringify(conflist));
  const config = `name: ${lab.name}\ndns: off\nnetworking: { cni: ${folder}/net.d }\n`;
  await writeFile(join(folder, 'lab.yaml'), config);
  await lab.podwire(['down']);
  await lab.up(['--nodes', String(nodes.length), '--config', join(folder, 'lab.yaml')]);
  const [first] = await lab.nodes();
  const podCIDR = first?.spec?.podCIDR?.replace(/\d+\.0\/24$/, '0.0/16');
  const net = { Network: podCIDR, EnableIPv4: true, Backend: { Type: 'vxlan' } };
  await writeFile(join(folder, 'net-conf.json'), JSON.stringify(net));
  await lab.apply(...rights);
  await writeKubeconfig();
  for (const node of nodes) await startFlannel(node);
});

after(async () => {
  if (skip !== false) return;
  await lab.podwire(['down']);
  await rm(folder, { recursive: true, force: true });
});

test('flannel has its lease of each node from the API', { skip }, async () => {
  for (const node of nodes) {
    const log = async (): Promise<string> => (await lab.onNode(node, ['cat', '/var/log/flanneld.log'])).stdout;
    const annotated = async (): Promise<boolean> => {
      const { metadata } = await lab.get<Node>(['node', node]);
      return metadata.annotations?.['flannel.alpha.coreos.com/backend-type'] === 'vxlan';
    };
    await eventually(`flannel is up on ${node}`, annotated, 60_000).catch(async (error: unknown) => {
      throw new Error(await log(), { cause: error });
    });
  }
});

test('pods on one node and on two, by its VXLAN, and by a host port', { skip }, async () => {
  await lab.apply(web('a', 'node1', { hostPort }), web('b', 'node1'), web('c', 'node2'));
  for (const name of ['a', 'b', 'c']) await ready(name);
  for (const [from, to] of [
    ['a', 'b'],
    ['a', 'c'],
    ['c', 'a'],
  ] as const)
    assert.equal(await ask(from, await ipOf(to)), to);
  assert.match((await lab.onNode('node1', ['ip', '-d', 'link', 'show', 'flannel.1'])).stdout, /vxlan id 1 /);
  assert.match((await lab.onNode('node1', ['ip', 'link', 'show', 'master', 'cni0'])).stdout, /veth/);
  const address = (await lab.get<Node>(['node', 'node1'])).status?.addresses?.[0]?.address ?? '';
  assert.equal(await ask('c', address, hostPort), 'a');
});

test('an agent that starts anew takes the pods as they are', { skip }, async () => {
  const look = async (): Promise<string> =>
    (
      await lab.kubectl([
        'get',
        'pods',
        '-o',
        'jsonpath={range .items[*]}{.status.podIP} {.status.containerStatuses[0].restartCount}{"\\n"}{end}',
      ])
    ).stdout;
  const before = await look();
  await lab.onNode('node1', ['s6-svc', '-wR', '-t', '/run/service/agent']);
  await eventually('it makes pods again', async () => {
    await lab.apply(web('d', 'node1'));
    return ready('d').then(() => true);
  });
  assert.equal(await ask('d', await ipOf('c')), 'c');
  assert.equal((await look()).split('\n').slice(0, 3).join('\n'), before.trim());
});

test('what is deleted gives its address back', { skip }, async () => {
  await lab.kubectl(['delete', 'pods', '--all', '--now', '--timeout=60s']);
  for (const node of nodes) {
    const { stdout } = await lab.onNode(node, ['ls', '/var/lib/cni/networks/cbr0']);
    assert.deepEqual(
      stdout.split('\n').filter((name) => /^\d/.test(name)),
      [],
      node,
    );
    await eventually(
      `no link on ${node}`,
      async () => !(await lab.onNode(node, ['ip', 'link'])).stdout.includes('veth'),
    );
  }
});
