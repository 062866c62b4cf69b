/** Pods on somebody else's network: the plugins of containernetworking, as Debian has them, called by our agent. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { silentLogger } from '../../src/api/logger.ts';
import type { Pod } from '../../src/api/types.gen.ts';
import {
  createPluginNetwork,
  createPluginRemoval,
  type NodeNetwork,
  type PodIdentity,
} from '../../src/network/index.ts';
import { eventually, FakeInformers, makeNodeLab, type NodeLab } from './node-lab.ts';
import { askFrom, serveIn, type Server } from './servers.ts';

const plugins = '/usr/lib/cni';
const cannot =
  process.getuid?.() !== 0
    ? 'needs root for network namespaces'
    : existsSync(join(plugins, 'bridge'))
      ? false
      : 'needs the Debian package containernetworking-plugins';

let lab: NodeLab;
let network: NodeNetwork;
let stop = new AbortController();
const servers: Server[] = [];
const informers = new FakeInformers();
const folder = mkdtempSync(join(tmpdir(), 'network-plugins-'));
const [confDir, ownPlugins, ipam] = ['net.d', 'bin', 'ipam'].map((name) => join(folder, name)) as [
  string,
  string,
  string,
];
const hostPort = 8088;

const conflist = (...more: readonly object[]): string =>
  JSON.stringify({
    cniVersion: '1.0.0',
    name: 'others',
    plugins: [
      {
        type: 'bridge',
        bridge: 'others0',
        isGateway: true,
        ipMasq: true,
        hairpinMode: true,
        ipam: {
          type: 'host-local',
          dataDir: ipam,
          ranges: [[{ subnet: '10.99.1.0/24' }]],
          routes: [{ dst: '0.0.0.0/0' }],
        },
      },
      { type: 'portmap', capabilities: { portMappings: true }, snat: true },
      { type: 'bandwidth', capabilities: { bandwidth: true } },
      ...more,
    ],
  });

const pod = (name: string): PodIdentity => ({ namespace: 'shop', name, uid: `uid-${name}`, attempt: 0 });

function makeNetwork(): NodeNetwork {
  stop = new AbortController();
  return createPluginNetwork({
    exec: lab.nodeA.exec,
    nodeName: 'node-a',
    confDir,
    binDirs: [ownPlugins, plugins],
    stateDir: join(folder, 'state'),
    informers,
    logger: silentLogger,
    signal: stop.signal,
    lookMs: 20,
  });
}

/** What plugins leave in the kernel and on disk. */
async function traces(): Promise<string> {
  const { exec } = lab.nodeA;
  const parts = await Promise.all(
    ['ip -o link show type veth', 'ls /run/netns', 'iptables-save -t nat'].map((text) => exec.sh(text)),
  );
  const words = parts.join('').replaceAll(/[\[(]\d+:\d+[\])]|^#.*$/gm, '');
  return words + [...readdirSync(join(folder, 'state')), ...leases()].join();
}

const leases = (): string[] =>
  existsSync(join(ipam, 'others')) ? readdirSync(join(ipam, 'others')).filter((name) => /^\d/.test(name)) : [];

before(async () => {
  if (cannot !== false) return;
  for (const one of [confDir, ownPlugins]) mkdirSync(one);
  lab = await makeNodeLab();
  informers.of<Pod>('pods').set({
    metadata: {
      namespace: 'shop',
      name: 'web',
      uid: 'uid-web',
      annotations: { 'kubernetes.io/ingress-bandwidth': '80M' },
    },
    spec: { containers: [{ name: 'web', ports: [{ containerPort: 8080, hostPort }] }] },
  });
});

after(async () => {
  stop.abort();
  for (const server of servers) await server.end();
  await lab?.end();
  rmSync(folder, { recursive: true, force: true });
});

test('ready when there is a configuration that can be read, and no longer when it goes', { skip: cannot }, async () => {
  network = makeNetwork();
  await network.start();
  assert.equal(network.ready, false);
  await assert.rejects(network.setUp(pod('early')), /no CNI configuration in/);
  writeFileSync(join(confDir, '05-broken.conflist'), '{"name":"others","plugins":[{"type":"../../bin/sh"}]}');
  writeFileSync(join(confDir, '10-others.conflist'), conflist());
  await eventually('ready', async () => network.ready);
});

test('a pod gets an address, a host port and a limit, each by its plugin', { skip: cannot }, async () => {
  const { netns, ips } = await network.setUp(pod('web'));
  assert.match(ips.join(), /^10\.99\.1\.\d+$/);
  assert.match(netns, /^\/run\/netns\/pwc-[0-9a-f]{8}$/);
  servers.push(await serveIn(lab.nodeA, netns, 'web'));
  assert.deepEqual(await askFrom(lab.nodeA, undefined, 'tcp', ips[0] ?? '', 8080), ['web 10.99.1.1']);
  assert.match((await askFrom(lab.outside, undefined, 'tcp', '192.168.77.11', hostPort)).join(), /^web /);
  assert.match(await lab.nodeA.exec.sh('tc qdisc show'), /qdisc tbf .* rate 80Mbit/);
  const { ips: again } = await network.setUp(pod('web'));
  assert.deepEqual(again, ips, 'the same pod twice is the same link');
});

test('an agent that starts anew says at DEL what was said at ADD', { skip: cannot }, async () => {
  stop.abort();
  network = makeNetwork();
  await network.start();
  // The configuration may have changed meanwhile: what was kept counts.
  writeFileSync(join(confDir, '10-others.conflist'), conflist({ type: 'tuning' }));
  await Promise.all(servers.splice(0).map((server) => server.end()));
  await network.tearDown(pod('web'));
  await network.tearDown(pod('web'));
  assert.doesNotMatch(await traces(), /10\.99\.1|pwc?-|uid-web|8088/);
  assert.deepEqual(leases(), []);
});

test('a plugin that fails: those before it are undone, and its own words are told', { skip: cannot }, async () => {
  const calls = join(folder, 'calls');
  writeFileSync(
    join(ownPlugins, 'refuses'),
    `#!/bin/sh\ncat > /dev/null\necho "$CNI_COMMAND $CNI_ARGS" >> ${calls}\n[ "$CNI_COMMAND" = DEL ] && exit 0\necho '{"cniVersion":"1.0.0","code":107,"msg":"not today","details":"maybe tomorrow"}'\nexit 1\n`,
  );
  chmodSync(join(ownPlugins, 'refuses'), 0o755);
  writeFileSync(join(confDir, '10-others.conflist'), conflist({ type: 'refuses' }));
  const before = await traces();
  await assert.rejects(network.setUp(pod('b')), /CNI plugin refuses, ADD: not today: maybe tomorrow \(code 107\)/);
  assert.equal(await traces(), before);
  assert.match(readFileSync(calls, 'utf8'), /^ADD .*K8S_POD_NAME=b.*\nDEL .*K8S_POD_UID=uid-b/);
});

test('a plugin that cannot even undo is asked again until it can', { skip: cannot }, async () => {
  const isBack = join(folder, 'is-back');
  const script = `#!/bin/sh\ncat > /dev/null\n[ "$CNI_COMMAND" = DEL ] && [ -e ${isBack} ] && exit 0\nexit 1\n`;
  writeFileSync(join(ownPlugins, 'away'), script);
  chmodSync(join(ownPlugins, 'away'), 0o755);
  writeFileSync(join(confDir, '10-others.conflist'), conflist({ type: 'away' }));
  const before = await traces();
  await assert.rejects(network.setUp(pod('h')), /CNI plugin away, ADD/);
  assert.notEqual(await traces(), before, 'half of it is there');
  writeFileSync(isBack, '');
  await eventually('nothing of it is left', async () => (await traces()) === before, 20_000);
});

test('an ADD that was cut off is undone at the next start', { skip: cannot }, async () => {
  writeFileSync(join(confDir, '10-others.conflist'), conflist());
  const before = await traces();
  await network.setUp(pod('c'));
  stop.abort();
  // As a crash before the result was written would leave it.
  const [file = ''] = readdirSync(join(folder, 'state'));
  const { pod: identity, attachment } = JSON.parse(readFileSync(join(folder, 'state', file), 'utf8')) as Record<
    string,
    unknown
  >;
  writeFileSync(join(folder, 'state', file), JSON.stringify({ pod: identity, attachment }));
  network = makeNetwork();
  await network.start();
  assert.equal(await traces(), before);
});

test(
  'an agent that starts anew takes a link as it was made, and makes one anew that is not',
  { skip: cannot },
  async () => {
    const again = async (): Promise<void> => {
      stop.abort();
      network = makeNetwork();
      await network.start();
    };
    const first = await network.setUp(pod('d'));
    await again();
    assert.deepEqual(await network.setUp(pod('d')), first);
    await lab.nodeA.exec.run({ argv: ['ip', 'route', 'delete', 'default'], netns: first.netns });
    await again();
    const second = await network.setUp(pod('d'));
    const { stdout } = await lab.nodeA.exec.run({ argv: ['ip', 'route', 'show', 'default'], netns: second.netns });
    assert.match(stdout, /via 10\.99\.1\.1/);
    await network.tearDown(pod('d'));
  },
);

test('ptp: a route a pod in the place of a bridge', { skip: cannot }, async () => {
  const ptp = { type: 'ptp', ipMasq: true, ipam: { type: 'host-local', dataDir: ipam, subnet: '10.99.2.0/24' } };
  const list = JSON.stringify({ cniVersion: '1.0.0', name: 'routed', plugins: [ptp] });
  const before = await traces();
  // The first by name is taken.
  writeFileSync(join(confDir, '00-ptp.conflist'), list);
  const [one, two] = [await network.setUp(pod('p1')), await network.setUp(pod('p2'))];
  const [ip = ''] = two.ips;
  assert.match(ip, /^10\.99\.2\.\d+$/);
  assert.match(await lab.nodeA.exec.sh('ip route show'), new RegExp(`^${ip.replaceAll('.', '\\.')} dev veth`, 'm'));
  const server = await serveIn(lab.nodeA, two.netns, 'p2');
  assert.match((await askFrom(lab.nodeA, one.netns, 'tcp', ip, 8080)).join(), /^p2 10\.99\.2\./);
  await server.end();
  for (const name of ['p1', 'p2']) await network.tearDown(pod(name));
  assert.equal(await traces(), before);
  rmSync(join(confDir, '00-ptp.conflist'));
});

test(
  'a node that leaves gives its links back to the plugins, also those that nobody asks for',
  { skip: cannot },
  async () => {
    const before = await traces();
    for (const name of ['e', 'f']) await network.setUp(pod(name));
    stop.abort();
    rmSync(join(confDir, '10-others.conflist'));
    const { exec } = lab.nodeA;
    const stateDir = join(folder, 'state');
    const helpless = createPluginRemoval({ exec, binDirs: [ownPlugins], stateDir });
    await assert.rejects(helpless.tearDown(pod('e')), /shop\/e: CNI plugin bandwidth, DEL: .*state\/pwc-\w+\.json/);
    const removal = createPluginRemoval({ exec, binDirs: [ownPlugins, plugins], stateDir });
    await removal.tearDown(pod('e'));
    await removal.tearDown(pod('never'));
    assert.equal(leases().length, 1);
    await removal.removeAll();
    assert.equal(await traces(), before);
    await createPluginRemoval({ exec, binDirs: [], stateDir: join(folder, 'no-such') }).removeAll();
  },
);
