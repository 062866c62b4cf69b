/** Machines of a lab reach the world beyond the host through the host's own sockets, and nothing of the host itself. Needs root. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Exec } from '../../src/kernel/exec.ts';
import { createDirectExec } from '../../src/kernel/run-process.ts';
import { createLab, LabError, type Lab, type LabConfig } from '../../src/lab/index.ts';

const name = 'pwinet';
const world = `${name}-world`;
const hostEnd = '10.244.96.1';
const worldEnd = '10.244.96.2';
const direct = createDirectExec();
let folder: string;
let worldProcess: ChildProcess;

/** What a process of the world does: tells HTTP callers who they are, and answers each DNS question with 192.0.2.53. */
const worldProgram = `
  import { createSocket } from 'node:dgram';
  import { createServer } from 'node:http';
  createServer((request, reply) => reply.end(request.socket.remoteAddress)).listen(80, '${worldEnd}');
  const dns = createSocket('udp4');
  dns.on('message', (question, { port, address }) => {
    const answer = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 53]);
    const reply = Buffer.concat([question, answer]);
    reply.writeUInt16BE(0x8180, 2);
    reply.writeUInt16BE(1, 6);
    dns.send(reply, port, address);
  });
  dns.bind(53, '${worldEnd}');
`;

/** The host's resolv.conf is not ours to change: the lab's stack alone is started where another one stands in its place. */
const exec: Exec = {
  ...direct,
  run: (command) =>
    direct.run(
      command.argv.some((word) => word.includes('s6-supervise') && word.includes('/internet'))
        ? {
            ...command,
            argv: [
              ...['unshare', '--mount', '--propagation', 'slave', 'sh', '-euc'],
              `mount --bind ${folder}/resolv.conf "$(readlink -f /etc/resolv.conf)"; exec "$@"`,
              ...['sh', ...command.argv],
            ] as [string, ...string[]],
          }
        : command,
    ),
};

const open = (): Lab =>
  createLab({
    name,
    exec,
    program: { node: process.execPath, script: '/nothing' },
    servicesOf: () => [{ name: 'sleeper', argv: ['sleep', '987655'] }],
  });

const noCheck = async (): Promise<void> => undefined;

async function up(internet: NonNullable<LabConfig['internet']>): Promise<string | undefined> {
  const wanted = { nodes: ['node1'], nodeCIDR: '10.244.97.0/24', podCIDR: '10.243.0.0/16', internet };
  return (await open().up(wanted, noCheck)).internetRefusal;
}

async function inNode(...argv: string[]): Promise<{ code: number; stdout: string; durationMs: number }> {
  const start = performance.now();
  const result = await direct.run({
    argv: [...(await open().enter('node1')), ...argv],
    okExitCodes: Array.from({ length: 256 }, (_, code) => code),
  });
  return { code: result.exitCode, stdout: result.stdout, durationMs: performance.now() - start };
}

const fetchInNode = (url: string) => inNode('curl', '-s', '--max-time', '3', url);

async function eventually(what: string, probe: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 20_000; Date.now() < end; await sleep(50)) if (await probe()) return;
  assert.fail(`not within 20 s: ${what}`);
}

const worldAnswers = async (): Promise<boolean> => (await fetchInNode(`http://${worldEnd}/`)).stdout === hostEnd;

/** Processes of the user-mode stack of this lab, as the host numbers them. */
async function stackProcesses(): Promise<number[]> {
  const { stdout } = await direct.run({ argv: ['pgrep', '-x', 'slirp4netns'], okExitCodes: [0, 1] });
  const pids = stdout.split('\n').filter(Boolean).map(Number);
  const told = await Promise.all(
    pids.map(async (pid) => {
      const read = (file: string): Promise<string> => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '');
      return { group: await read('cgroup'), status: await read('status') };
    }),
  );
  // One that is dead and waits for the host's first process to look is gone.
  return pids.filter((_, i) => told[i]?.group.includes(`/podwire/${name}/`) && !/^State:\tZ/m.test(told[i].status));
}

function listen(address: string): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer((_, reply) => reply.end('secret')).listen(0, address, () => resolve(server));
  });
}

describe('the internet of a lab', { skip: process.getuid?.() !== 0 && 'needs root', timeout: 120_000 }, () => {
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'podwire-internet-'));
    await writeFile(join(folder, 'resolv.conf'), `nameserver ${worldEnd}\n`);
    await open().down();
    await direct.run({ argv: ['ip', 'netns', 'add', world] });
    const links = [
      `link add ${name}-h type veth peer name eth0 netns ${world}`,
      `address add ${hostEnd}/30 dev ${name}-h`,
      `link set ${name}-h up`,
    ];
    await direct.run({ argv: ['ip', '-batch', '-'], stdin: `${links.join('\n')}\n` });
    const inWorld = ['link set lo up', `address add ${worldEnd}/30 dev eth0`, 'link set eth0 up'];
    await direct.run({ argv: ['ip', '-netns', world, '-batch', '-'], stdin: `${inWorld.join('\n')}\n` });
    const argv = [`--net=/run/netns/${world}`, process.execPath, '--input-type=module', '-e', worldProgram];
    worldProcess = spawn('nsenter', argv, { stdio: 'inherit' });
  });

  after(async () => {
    await open().down();
    worldProcess.kill('SIGKILL');
    await direct.run({ argv: ['ip', 'netns', 'delete', world], okExitCodes: [0, 1] });
    await direct.run({ argv: ['ip', 'link', 'delete', `${name}-h`], okExitCodes: [0, 1] });
    await rm(folder, { recursive: true, force: true });
  });

  test('a machine reaches what the host reaches, and is seen there as the host', async () => {
    assert.equal(await up('on'), undefined);
    await eventually('the world answers', worldAnswers);
  });

  test('names are answered by the name server of the host', async () => {
    const { stdout } = await inNode('busybox', 'nslookup', '-type=a', 'anything.test');
    assert.match(stdout, /192\.0\.2\.53/);
  });

  test('nothing of the host is reached through it: not its loopback, none of its addresses', async () => {
    for (const [listenAt, ways] of [
      ['127.0.0.1', ['127.0.0.1', '198.51.100.2', '198.51.100.3', '198.51.100.1']],
      ['0.0.0.0', [hostEnd, '198.51.100.2', '198.51.100.3']],
    ] as const) {
      const server = await listen(listenAt);
      for (const way of ways) {
        const { stdout } = await fetchInNode(`http://${way}:${(server.address() as AddressInfo).port}/`);
        assert.equal(stdout, '', `${listenAt} by ${way}`);
      }
      // The host's end of the switch is no loopback, and the host's firewall sees who comes.
      const { stdout } = await fetchInNode(`http://10.244.97.1:${(server.address() as AddressInfo).port}/`);
      assert.equal(stdout, listenAt === '0.0.0.0' ? 'secret' : '');
      server.close();
    }
  });

  test('packets for pods that no node knows do not leave the lab', async () => {
    const { code, durationMs } = await fetchInNode('http://10.243.9.9/');
    assert.notEqual(code, 0);
    assert.ok(durationMs < 2500, `refused at once, not after ${durationMs} ms`);
  });

  test('a stack that is killed comes back by itself; with its supervisor, by up', async () => {
    for (const pid of await stackProcesses()) process.kill(pid, 'SIGKILL');
    await eventually('the world answers again', worldAnswers);
    const { stdout } = await direct.run({ argv: ['pgrep', '-f', `s6-supervise .*/${name}/internet`] });
    for (const pid of [...stdout.split('\n').filter(Boolean).map(Number), ...(await stackProcesses())])
      process.kill(pid, 'SIGKILL');
    await eventually('it is gone', async () => (await stackProcesses()).length === 0);
    await up('on');
    await eventually('the world answers after up', worldAnswers);
  });

  test('off: nothing is left of it, and what is called is refused at once', async () => {
    assert.equal(await up('off'), 'as asked for');
    assert.deepEqual(await stackProcesses(), []);
    const { code, durationMs } = await fetchInNode(`http://${worldEnd}/`);
    assert.notEqual(code, 0);
    assert.ok(durationMs < 2500, `refused at once, not after ${durationMs} ms`);
  });

  test('on again in the lab that runs, and stop and down leave nothing', async () => {
    await up('on');
    await eventually('the world answers', worldAnswers);
    await open().stop();
    assert.deepEqual(await stackProcesses(), []);
    await up('on');
    await eventually('the world answers after stop and up', worldAnswers);
    await open().down();
    assert.deepEqual(await stackProcesses(), []);
  });

  test('asked for where the host lacks a part, it is refused before anything is made', async () => {
    const path = process.env['PATH'];
    for (const program of ['ip', 'flock'])
      await symlink((await direct.run({ argv: ['which', program] })).stdout.trim(), join(folder, program));
    process.env['PATH'] = folder;
    try {
      await assert.rejects(up('on'), (error) => error instanceof LabError && /slirp4netns/.test(error.message));
      assert.equal(await open().status(), undefined);
    } finally {
      process.env['PATH'] = path;
    }
  });
});
