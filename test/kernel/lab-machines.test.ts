/** A lab of placeholder services: what stands, what survives, and that nothing is left. Needs root. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createDirectExec } from '../../src/kernel/run-process.ts';
import { createLab, labPlaces, LabError, machinePlaces, type Lab } from '../../src/lab/index.ts';
import { lockPath } from '../../src/lab/places.ts';

const name = 'pwtest';
const nodeCIDR = '10.244.99.0/24';
const exec = createDirectExec();
// Without internet on every host: what it makes is shown in lab-internet.test.ts.
const wanted = { nodes: ['node1', 'node2'], nodeCIDR, internet: 'off' as const };
const noCheck = async (): Promise<void> => undefined;

function open(): Lab {
  return createLab({
    name,
    exec,
    program: { node: process.execPath, script: 'placeholder' },
    servicesOf: () => [
      { name: 'web', argv: ['busybox', 'httpd', '-f', '-p', '8080', '-h', '/etc'] },
      { name: 'sleeper', argv: ['sleep', '987654'] },
    ],
  });
}

async function output(...argv: [string, ...string[]]): Promise<string> {
  return (await exec.run({ argv, okExitCodes: [0, 1] })).stdout;
}

async function cgroups(): Promise<string[]> {
  const roots = ['/sys/fs/cgroup/podwire', '/sys/fs/cgroup/unified/podwire'].filter((path) => existsSync(path));
  const found = await Promise.all(roots.map((root) => readdir(root, { recursive: true })));
  return found.flat().filter((path) => path.startsWith(name) && !/\.[a-z_]+$/.test(path));
}

/** Processes of ours, wherever they are. */
async function processes(): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry));
  const lines = await Promise.all(
    pids.map(async (pid) => {
      const cgroup = await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '');
      const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      // One that ended and waits for its parent has no command line.
      return cgroup.includes(`/podwire/${name}/`) && line !== '' ? [`${name} ${line.replaceAll('\0', ' ')}`] : [];
    }),
  );
  return lines.flat();
}

/** Everything that a lab could leave in the host's kernel. */
async function kernelState(): Promise<Record<string, unknown>> {
  const links = (JSON.parse(await output('ip', '-json', 'link')) as { ifname: string }[]).map(({ ifname }) => ifname);
  return {
    links: links.sort(),
    routes: (await output('ip', 'route')).split('\n').sort(),
    namespaces: (await output('ip', 'netns')).split('\n').sort(),
    mounts: (await readFile('/proc/self/mountinfo', 'utf8'))
      .split('\n')
      .map((line) => line.split(' ')[4] ?? '')
      .sort(),
    rules: (await output('iptables-save')).split('\n').filter((line) => !line.startsWith('#')),
    forwarding: await readFile('/proc/sys/net/ipv4/ip_forward', 'utf8'),
    cgroups: await cgroups(),
    processes: await processes(),
  };
}

/** Names that only this lab gives: other tests may run beside this one. */
const ours = (state: Record<string, unknown>): string[] =>
  Object.values(state)
    .flatMap((value) => (Array.isArray(value) ? (value as string[]) : []))
    .filter((line) => line.includes(name) || line.includes('10.244.99.'));

async function page(address: string, path: string): Promise<string> {
  const end = Date.now() + 10_000;
  for (;;) {
    try {
      return await (await fetch(`http://${address}:8080/${path}`, { signal: AbortSignal.timeout(2000) })).text();
    } catch (error) {
      if (Date.now() > end) throw error;
      await sleep(20);
    }
  }
}

async function inMachine(machine: string, ...argv: string[]): Promise<string> {
  return output(...(await open().enter(machine)), ...argv);
}

describe('a lab of placeholders', { skip: process.getuid?.() !== 0 && 'needs root', timeout: 120_000 }, () => {
  let earlier: Record<string, unknown> = {};
  before(async () => {
    await open().down();
    earlier = await kernelState();
  });
  after(() => open().down());

  test('a check that fails leaves everything as it was, and nobody else works on the lab meanwhile', async () => {
    const check = async (): Promise<void> => {
      const other = new RegExp(`another podwire command \\(process ${process.pid}\\) is working on lab ${name}`);
      await assert.rejects(open().up(wanted, noCheck), other);
      await assert.rejects(open().down(), other);
      throw new LabError('no');
    };
    await assert.rejects(open().up(wanted, check), /^LabError: no$/);
    assert.deepEqual(ours(await kernelState()), []);
    assert.equal(existsSync(labPlaces(name).lab), false);
  });

  test('up starts every machine, and the host reaches each', async () => {
    const { started } = await open().up(wanted, noCheck);
    assert.deepEqual(started, ['control-plane', 'node1', 'node2', 'outside']);
    assert.equal(await page('10.244.99.2', 'hostname'), 'control-plane\n');
    assert.equal(await page('10.244.99.12', 'hostname'), 'node2\n');
  });

  test('a machine is a machine of its own', async () => {
    assert.equal(await inMachine('node1', 'hostname'), 'node1\n');
    assert.equal(await inMachine('node1', 'cat', '/proc/1/comm'), 's6-svscan\n');
    assert.deepEqual((await inMachine('node1', 'ls', '/sys/class/net')).trim().split('\n'), ['eth0', 'lo']);
    assert.equal(await inMachine('node1', 'ls', '/run/netns'), '');
    assert.equal(await inMachine('node1', 'ls', '/var/lib'), 'podwire\n');
    assert.equal(await inMachine('node1', 'sh', '-c', 'cat /proc/1/cgroup | grep ^0:'), '0::/init\n');
    assert.match(await inMachine('node1', 'ping', '-c', '1', '-W', '2', '10.244.99.12'), / 0% packet loss/);
    await writeFile(join(machinePlaces(name, 'node1').lib, 'mark'), 'kept');
    assert.equal(await inMachine('node1', 'cat', '/var/lib/mark'), 'kept');
  });

  test('up again changes nothing', async () => {
    const before = await open().status();
    assert.deepEqual((await open().up({}, noCheck)).started, []);
    assert.deepEqual(await open().status(), before);
  });

  test('every link of the lab says whose it is', async () => {
    const aliases = async (...where: string[]): Promise<Record<string, string | undefined>> => {
      const links = JSON.parse(await output('ip', ...where, '-json', 'link')) as { ifname: string; ifalias?: string }[];
      return Object.fromEntries(links.map(({ ifname, ifalias }) => [ifname, ifalias]));
    };
    assert.equal((await aliases())[`pw-${name}`], `podwire/lab/${name}`);
    assert.deepEqual(await aliases('-netns', `${name}-switch`), {
      lo: undefined,
      host: `podwire/lab/${name}`,
      switch: `podwire/lab/${name}`,
      'control-plane': `podwire/lab/${name}/control-plane`,
      node1: `podwire/lab/${name}/node1`,
      node2: `podwire/lab/${name}/node2`,
      outside: `podwire/lab/${name}/outside`,
    });
    assert.equal(await inMachine('node1', 'cat', '/sys/class/net/eth0/ifalias'), `podwire/lab/${name}/node1\n`);
  });

  test('the lock is not for strangers, and nothing that runs on in a machine holds it', async () => {
    const path = lockPath(name);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.equal((await stat(dirname(path))).mode & 0o777, 0o700);
    const { exitCode } = await exec.run({ argv: ['flock', '-n', path, 'true'], okExitCodes: [0, 1] });
    assert.equal(exitCode, 0);
  });

  test('scripts of a command that was killed hold the lock: the next command waits for their end', async () => {
    // The holder takes the lock as a command does, starts what goes on for a second, and is killed.
    const code = `
      import { lockFile } from '${join(import.meta.dirname, '../../src/kernel/file-lock.ts')}';
      import { createDirectExec } from '${join(import.meta.dirname, '../../src/kernel/run-process.ts')}';
      const lock = await lockFile('${lockPath(name)}', 0);
      void lock.handOn(createDirectExec()).run({ argv: ['sleep', '1'] });
      setTimeout(() => process.kill(process.pid, 'SIGKILL'), 50);`;
    await exec
      .run({ argv: [process.execPath, '--input-type=module-typescript', '--eval', code] })
      .catch(() => undefined);
    const began = performance.now();
    assert.deepEqual((await open().up({}, noCheck)).started, []);
    assert.ok(performance.now() - began > 500, 'it did not wait');
  });

  test('a service that dies comes back; a first process that dies takes its machine along', async () => {
    const [old] = (await inMachine('node2', 'pidof', 'busybox')).split(' ');
    await inMachine('node2', 'kill', '-9', old ?? '');
    assert.equal(await page('10.244.99.12', 'hostname'), 'node2\n');
    const pid = (await open().status())?.machines.find((machine) => machine.name === 'node2')?.pid;
    assert.ok(pid);
    process.kill(pid, 'SIGKILL');
    const state = (await open().status())?.machines.find((machine) => machine.name === 'node2')?.state;
    assert.equal(state, 'dead');
    await assert.rejects(open().enter('node2'), /node2 of lab pwtest is not running/);
    assert.deepEqual((await open().up({}, noCheck)).started, ['node2']);
    assert.equal(await page('10.244.99.12', 'hostname'), 'node2\n');
  });

  test('a machine is switched off and on, added and removed', async () => {
    assert.equal(await open().stopMachine('node2'), true);
    assert.equal(await open().stopMachine('node2'), false);
    assert.match(await inMachine('node1', 'ping', '-c', '1', '-W', '1', '10.244.99.12'), /100% packet loss/);
    assert.equal(await open().startMachine('node2'), true);
    assert.equal(await page('10.244.99.12', 'hostname'), 'node2\n');
    assert.deepEqual((await open().addNode()).started, ['node3']);
    assert.equal(await page('10.244.99.13', 'hostname'), 'node3\n');
    await open().removeNode('node3');
    assert.equal(existsSync(machinePlaces(name, 'node3').folder), false);
    assert.equal((await open().status())?.machines.length, 4);
  });

  test('stop leaves nothing in the kernel, and up brings the same disks and certificates back', async () => {
    const authority = await readFile(join(labPlaces(name).pki, 'ca.crt'), 'utf8');
    assert.equal(await open().stop(), true);
    assert.deepEqual(ours(await kernelState()), []);
    assert.equal(await open().stop(), false);
    await open().up({}, noCheck);
    assert.equal(await inMachine('node1', 'cat', '/var/lib/mark'), 'kept');
    assert.equal(await readFile(join(labPlaces(name).pki, 'ca.crt'), 'utf8'), authority);
  });

  test('what an up that was cut short left is completed by the next', async () => {
    await open().stop();
    await exec.run({ argv: ['ip', 'netns', 'add', `${name}-switch`] });
    await exec.run({ argv: ['ip', 'link', 'add', `pw-${name}`, 'type', 'veth', 'peer', 'name', `pq-${name}`] });
    await exec.run({ argv: ['ip', 'link', 'set', `pw-${name}`, 'alias', `podwire/lab/${name}/unfinished`] });
    await mkdir(
      `${existsSync('/sys/fs/cgroup/unified') ? '/sys/fs/cgroup/unified' : '/sys/fs/cgroup'}/podwire/${name}/node1`,
      {
        recursive: true,
      },
    );
    assert.deepEqual((await open().up({}, noCheck)).started, ['control-plane', 'node1', 'node2', 'outside']);
    assert.equal(await page('10.244.99.11', 'hostname'), 'node1\n');
  });

  test('a range or a node less than the lab has is refused, with what to do', async () => {
    await assert.rejects(open().up({ nodes: ['node1'] }, noCheck), /podwire node rm node2/);
    await assert.rejects(open().up({ podCIDR: '10.9.0.0/16' }, noCheck), /podwire down first/);
  });

  test('keys and kubeconfigs are for root only', async () => {
    const found = await output(
      'find',
      labPlaces(name).lab,
      '-name',
      '*.key',
      '-o',
      '-name',
      'kubeconfig',
      '-o',
      '-name',
      '*.crt',
    );
    assert.ok(found.trim().split('\n').length > 10);
    const readable = await output(
      'find',
      labPlaces(name).lab,
      '(',
      '-name',
      '*.key',
      '-o',
      '-name',
      '*kubeconfig',
      ')',
      '-perm',
      '/077',
    );
    assert.equal(readable, '');
  });

  test('down leaves nothing at all, and twice is fine', async () => {
    assert.equal(await open().down(), true);
    const now = await kernelState();
    assert.deepEqual(ours(now), []);
    for (const part of ['rules', 'forwarding', 'mounts']) assert.deepEqual(now[part], earlier[part], part);
    assert.equal(existsSync(labPlaces(name).lab), false);
    assert.equal(await open().down(), false);
  });
});
