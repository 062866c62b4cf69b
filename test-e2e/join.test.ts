/**
 * Machines of a cluster of their own, by the command line alone: a control plane from `init`, a node that joins by the line it prints,
 * certificates of less than a minute that are renewed, and a node that leaves. The machines are a lab's, without its services. Needs root.
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createDirectExec } from '../src/kernel/run-process.ts';
import { createLab, type Lab } from '../src/lab/index.ts';
import { eventually, run, type Outcome } from './lab.ts';

const name = 'pwjoin';
const podwire = join(import.meta.dirname, '../scripts/podwire');
const controlPlane = 'control-plane';
const exec = createDirectExec();
const lab: Lab = createLab({
  name,
  exec,
  program: { node: process.execPath, script: 'placeholder' },
  servicesOf: () => [{ name: 'idle', argv: ['sleep', 'infinity'] }],
});
const started: ChildProcess[] = [];

/** A machine has the host's /etc: what is written there stays in the machine's memory. What the lab made for its own services goes. */
const alone =
  'rm -rf /var/lib/podwire/agent /var/lib/podwire/control-plane; mkdir -p /run/etc/upper /run/etc/work && mount -t overlay overlay -o lowerdir=/etc,upperdir=/run/etc/upper,workdir=/run/etc/work /etc && rm -rf /etc/podwire';

async function on(machine: string, argv: readonly string[], mayFail = false): Promise<Outcome> {
  return run([...(await lab.enter(machine)), ...argv], { mayFail, timeoutMs: 60_000 });
}

const kubectl = (...args: string[]): Promise<Outcome> =>
  on(controlPlane, ['kubectl', '--kubeconfig', '/etc/podwire/admin.kubeconfig', ...args]);

/** A command that goes on; what it has said so far. */
async function start(
  machine: string,
  argv: readonly string[],
): Promise<{ readonly said: () => string; readonly child: ChildProcess }> {
  const [program, ...args] = await lab.enter(machine);
  const child = spawn(program, [...args, ...argv], { stdio: ['ignore', 'pipe', 'pipe'] });
  started.push(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (text = (text + chunk.toString()).slice(-200_000)));
  return { said: () => text, child };
}

async function left(machine: string): Promise<Record<string, string>> {
  const shown = async (...argv: string[]): Promise<string> => (await on(machine, argv, true)).stdout;
  return {
    links: await shown('sh', '-c', "ip -o link | sed 's/@.*//; s/^[0-9]*: //' | cut -d: -f1 | sort"),
    routes: await shown('sh', '-c', 'ip route; ip -6 route | grep -v fe80; ip rule'),
    rules: await shown(
      'sh',
      '-c',
      "iptables-save | grep '^-A'; ip6tables-save | grep '^-A'; nft list ruleset | grep -v '^#' | grep podwire",
    ),
    namespaces: await shown('sh', '-c', 'ls /run/netns 2>/dev/null'),
    mounts: await shown('sh', '-c', 'grep -c podwire/agent /proc/self/mountinfo || true'),
    files: await shown(
      'sh',
      '-c',
      'find /etc/podwire /var/lib/podwire/agent /run/podwire /var/log/pods -mindepth 1 2>/dev/null',
    ),
    processes: await shown('sh', '-c', "ps -e -o comm= | grep -E 'conmon|pause|catatonit|httpd' || true"),
  };
}

/** As an agent with `--cni-conf-dir` leaves it: a pod's link by a plugin, which nobody has taken back. */
const attachmentOfSomebodyElse = `
set -e
mkdir -p /run/plugins /var/lib/podwire/agent/cni
printf '#!/bin/sh\\ncat > /dev/null; echo "$CNI_COMMAND $CNI_IFNAME $CNI_CONTAINERID" >> /run/plugin-calls\\n' > /run/plugins/theirs
chmod +x /run/plugins/theirs
ip netns add pwc-00000001
echo '${JSON.stringify({
  pod: { namespace: 'shop', name: 'web', uid: 'u', attempt: 0 },
  attachment: {
    list: { cniVersion: '1.0.0', name: 'theirs', disableCheck: false, plugins: [{ type: 'theirs' }] },
    containerID: 'shop-web',
    netns: '/run/netns/pwc-00000001',
    ifname: 'net0',
    args: '',
    capabilities: {},
  },
  result: {},
})}' > /var/lib/podwire/agent/cni/pwc-00000001.json
sed -i 's|^{|{"cni-bin-dir": ["/run/plugins"],|' /etc/podwire/agent.json
`;

describe('machines that join', { skip: process.getuid?.() !== 0 && 'needs root', timeout: 240_000 }, () => {
  let line: readonly string[] = [];
  before(async () => {
    await lab.down();
    await lab.up({ nodes: ['node1'], nodeCIDR: '10.244.98.0/24', internet: 'off' }, async () => undefined);
    for (const machine of [controlPlane, 'node1']) await on(machine, ['sh', '-c', alone]);
  });
  after(async () => {
    await lab.down();
    for (const child of started) child.kill('SIGKILL');
  });

  test('init makes a control plane and prints a line', async () => {
    const argv = ['init', '--cluster-signing-duration', '40s', '--node-monitor-grace-period', '8s'];
    const { said } = await start(controlPlane, [podwire, ...argv]);
    const found = await eventually(
      'the line',
      async () => /podwire (join \S+ --token \S+ --ca-hash \S+)/.exec(said())?.[1],
    );
    line = found.split(' ');
    const mode = await on(controlPlane, [
      'sh',
      '-c',
      'stat -c "%a %n" /etc/podwire/* /var/lib/podwire/control-plane/*.key',
    ]);
    assert.doesNotMatch(mode.stdout, /^(?!600 )/m);
  });

  test('a line for another cluster, and a token that is wrong or has run out, are refused and leave nothing', async () => {
    const [verb = '', address = '', , token = '', , hash = ''] = line;
    const join = (...args: string[]): Promise<Outcome> => on('node1', [podwire, verb, address, ...args], true);
    const other = `sha256:${randomBytes(32).toString('hex')}`;
    const wrongHash = await join('--token', token, '--ca-hash', other);
    assert.equal(wrongHash.code, 1);
    assert.match(wrongHash.stderr, new RegExp(`shows the CA ${hash}, not ${other}`));
    const wrongToken = await join('--token', `${token.slice(0, 7)}${'0'.repeat(16)}`, '--ca-hash', hash);
    assert.equal(wrongToken.code, 1);
    assert.match(wrongToken.stderr, /does not know token/);
    const shortLived = (await on(controlPlane, [podwire, 'token', 'create', '--ttl', '1s'])).stdout.trim();
    const known = async (): Promise<boolean> =>
      (await on(controlPlane, [podwire, 'token', 'list'])).stdout.includes(shortLived.slice(0, 6));
    await eventually('a token that has run out is taken away', async () => !(await known()));
    const late = await join('--token', shortLived, '--ca-hash', hash);
    assert.equal(late.code, 1);
    assert.match(late.stderr, /does not know token/);
    assert.deepEqual((await left('node1')).files, '');
  });

  let earlier: Record<string, string> = {};
  test('a machine joins by the line, runs a pod, and tells its log over a certificate that it asked for', async () => {
    earlier = await left('node1');
    const { said } = await start('node1', [podwire, ...line]);
    await eventually('the node is Ready', async () => said().includes('Node node1 is Ready.'), 60_000);
    const brief = '{"spec":{"terminationGracePeriodSeconds":1}}';
    await kubectl(
      'run',
      'web',
      '--image=busybox',
      `--overrides=${brief}`,
      '--',
      'sh',
      '-c',
      'echo hello; exec httpd -f -p 8080',
    );
    await kubectl('wait', '--for=condition=Ready', 'pod/web', '--timeout=60s');
    await eventually(
      'the log',
      async () =>
        (await on(controlPlane, ['kubectl', '--kubeconfig', '/etc/podwire/admin.kubeconfig', 'logs', 'web'], true))
          .stdout === 'hello',
    );
  });

  test('certificates are renewed in time, and nothing is restarted', async () => {
    const serial = async (file: string): Promise<string> =>
      (await on('node1', ['openssl', 'x509', '-noout', '-serial', '-in', `/var/lib/podwire/agent/pki/${file}`])).stdout;
    const shown = async (): Promise<string> =>
      (
        await on(
          controlPlane,
          [
            'sh',
            '-c',
            'openssl s_client -connect 10.244.98.11:10250 </dev/null 2>/dev/null | openssl x509 -noout -serial',
          ],
          true,
        )
      ).stdout;
    const dns = [
      'dns',
      '--kubeconfig=/var/lib/podwire/agent/kubeconfig',
      '--bind-address=127.0.0.1',
      '--upstream=127.0.0.9',
    ];
    const { said } = await start('node1', [podwire, ...dns]);
    for (const file of ['kubelet-client-current.pem', 'kubelet-server-current.pem']) {
      const first = await serial(file);
      await eventually(`another ${file}`, async () => (await serial(file)) !== first, 120_000);
    }
    await eventually(
      'the new one is shown',
      async () => (await shown()) === (await serial('kubelet-server-current.pem')),
    );
    await eventually(
      'the DNS beside it shows the new one',
      async () => said().includes('a renewed certificate is used'),
      100_000,
    );
    assert.equal((await kubectl('logs', 'web')).stdout, 'hello');
    await kubectl('wait', '--for=condition=Ready', 'node/node1', '--timeout=10s');
    const restarts = await kubectl('get', 'pod', 'web', '-o', 'jsonpath={.status.containerStatuses[0].restartCount}');
    assert.equal(restarts.stdout, '0');
  });

  test('a name of a node that lives is not given to another machine', async () => {
    const again = await on(controlPlane, [podwire, ...line, '--node-name', 'node1'], true);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /node node1 is Ready: a machine of that name lives/);
  });

  test('a machine leaves, and nothing of it is left', async () => {
    await on('node1', ['sh', '-c', attachmentOfSomebodyElse]);
    await on('node1', [podwire, 'leave']);
    assert.equal((await on('node1', ['cat', '/run/plugin-calls'])).stdout, 'DEL net0 shop-web');
    assert.deepEqual(await left('node1'), earlier);
    assert.equal((await kubectl('get', 'nodes', '-o', 'name')).stdout, '');
  });
});
