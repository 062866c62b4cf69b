/** Sandboxes and containers on a real kernel. Needs root, conmon, crun or runc, catatonit, busybox-static. */
import assert from 'node:assert/strict';
import { readFileSync, rmdirSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { buffer, text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { cgroupLayout } from '../../src/kernel/cgroup.ts';
import { createDirectExec } from '../../src/kernel/run-process.ts';
import { probeHost } from '../../src/runtime/builtin/oci-runtime.ts';
import { makeBusyboxImage } from '../../src/runtime/images/busybox.ts';
import {
  bareNetwork,
  cgroupParent,
  containerConfig,
  isInside,
  machineState,
  prepareMachine,
  runInside,
  sandboxConfig,
  startNode,
  type TestNode,
} from './runtime-node.ts';

if (!isInside) test('sandboxes and containers on a real kernel', () => runInside(import.meta.filename));
else describe('inside', { concurrency: false }, inside);

function inside(): void {
  const exec = createDirectExec();
  const network = bareNetwork(exec);
  let node: TestNode;
  let imageId: string;
  let clean: ReturnType<typeof machineState>;

  before(async () => {
    await prepareMachine(exec);
    node = await startNode(exec, network);
    imageId = (await makeBusyboxImage({ images: node.images, exec })).id;
    clean = machineState();
  });

  after(async () => {
    await node.runtime.stop();
    rmdirSync(`/sys/fs/cgroup${cgroupParent}/conmon`);
    rmdirSync(`/sys/fs/cgroup${cgroupParent}`);
  });

  async function runPod(
    name: string,
    script: string,
    more: Parameters<typeof containerConfig>[2] = {},
  ): Promise<{ sandbox: string; container: string; log: string }> {
    const { id: sandbox } = await node.runtime.runPodSandbox(sandboxConfig(name));
    const config = containerConfig(imageId, script, more);
    const container = await node.runtime.createContainer(sandbox, config);
    await node.runtime.startContainer(container);
    return { sandbox, container, log: config.logPath };
  }

  async function statusOf(id: string) {
    const status = await node.runtime.containerStatus(id);
    assert.ok(status !== undefined);
    return status;
  }

  /** conmon itself ends a moment after it wrote the exit code. */
  async function nothingLeft(): Promise<void> {
    for (let tries = 0; tries < 100 && !isDeepStrictEqual(machineState(), clean); tries++) await sleep(10);
    assert.deepEqual(machineState(), clean);
  }

  async function removed(sandbox: string): Promise<void> {
    await node.runtime.removePodSandbox(sandbox);
    await nothingLeft();
    assert.deepEqual([...(await node.runtime.listContainers()), ...(await node.runtime.listPodSandboxes())], []);
  }

  test('a container runs, logs and ends with its code; all of it goes away', async () => {
    const { sandbox, container, log } = await runPod('ends', 'echo out; echo err >&2; exit 7');
    await node.seen('containerExited', container);
    const status = await statusOf(container);
    assert.deepEqual(
      [status.state, status.exitCode, status.reason, status.image],
      ['exited', 7, 'Error', 'docker.io/library/busybox:latest'],
    );
    assert.ok(Date.parse(status.finishedAt ?? '') >= Date.parse(status.startedAt ?? '') - 1000);
    const lines = readFileSync(log, 'utf8').trim().split('\n');
    for (const line of lines)
      assert.match(line, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}\S+ (stdout F out|stderr F err)$/);
    assert.equal(lines.length, 2);
    await removed(sandbox);
  });

  test('what a container sees', async () => {
    const script =
      'hostname; cat /etc/hostname /etc/resolv.conf; echo $$; echo $A $HOSTNAME; id -u; grep CapEff /proc/self/status; (echo x > /proc/sys/kernel/hostname) 2>&1; ls /sys/class/net; sleep 100';
    const { sandbox, container, log } = await runPod('sees', script, { env: [{ name: 'A', value: 'b c' }] });
    await waitForLog(log, 'F lo');
    // CAP_MKNOD (0x08000000) only where rules guard devices.
    const { deviceRules } = await probeHost(cgroupLayout());
    const lines = readFileSync(log, 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split(' ').slice(3).join(' '));
    assert.deepEqual(lines.slice(0, 7), [
      'sees',
      'sees',
      'nameserver 10.46.0.10',
      '1',
      'b c sees',
      '0',
      `CapEff:\t00000000a${deviceRules ? 8 : 0}0425fb`,
    ]);
    assert.ok(lines.some((line) => line.includes('Read-only file system')));
    assert.equal(lines.at(-1), 'lo');
    assert.equal((await statusOf(container)).state, 'running');
    await removed(sandbox);
  });

  test('a second container joins the namespaces of the first, in its place and beside it', async () => {
    const { sandbox, container } = await runPod(
      'joins',
      'for n in net ipc uts; do readlink /proc/self/ns/$n; done; echo hello > /dev/shm/note',
      {},
    );
    await node.seen('containerExited', container);
    const config = containerConfig(
      imageId,
      'for n in net ipc uts; do readlink /proc/self/ns/$n; done; cat /dev/shm/note',
      { attempt: 1 },
    );
    const again = await node.runtime.createContainer(sandbox, config);
    await node.runtime.startContainer(again);
    await node.seen('containerExited', again);
    const [first, second] = [(await statusOf(container)).logPath, config.logPath].map((path) =>
      readFileSync(path, 'utf8')
        .split('\n')
        .map((line) => line.split(' ').slice(3).join(' ')),
    );
    assert.equal(first?.filter((line) => /^(net|ipc|uts):/.test(line)).length, 3);
    assert.deepEqual(second?.slice(0, 3), first?.slice(0, 3));
    assert.ok(second?.includes('hello'));
    await node.runtime.removeContainer(container);
    assert.deepEqual(
      (await node.runtime.listContainers()).map(({ id }) => id),
      [again],
    );
    await removed(sandbox);
  });

  test('containers that share processes see each other, under the settings that the pod asked for', async () => {
    const sysctls = { 'kernel.shm_rmid_forced': '1', 'net.ipv4.tcp_fin_timeout': '17' };
    const { id: sandbox } = await node.runtime.runPodSandbox(sandboxConfig('shares', { sharePID: true, sysctls }));
    const run = async (name: string, script: string): Promise<{ id: string; log: string }> => {
      const container = containerConfig(imageId, script, { name });
      const id = await node.runtime.createContainer(sandbox, container);
      await node.runtime.startContainer(id);
      return { id, log: container.logPath };
    };
    const first = await run(
      'first',
      'cat /proc/sys/kernel/shm_rmid_forced /proc/sys/net/ipv4/tcp_fin_timeout; sleep 4321 & echo on; sleep 1',
    );
    await waitForLog(first.log, 'F on');
    assert.match(readFileSync(first.log, 'utf8'), /F 1\n.* F 17\n/);
    const second = await run('second', 'ps -o pid,args; while ps -o args | grep -q "^sleep 4321"; do sleep 0.05; done');
    await node.seen('containerExited', second.id);
    assert.match(readFileSync(second.log, 'utf8'), / 1 \/pause -P\n[^]* sleep 4321\n/);
    assert.equal((await statusOf(first.id)).state, 'exited', 'what it left ended with it');
    await removed(sandbox);
  });

  test('changes of a container do not reach its image', async () => {
    const { sandbox, container } = await runPod('writes', 'echo changed > /etc/passwd; rm /bin/vi');
    await node.seen('containerExited', container);
    const again = await node.runtime.createContainer(
      sandbox,
      containerConfig(imageId, 'head -1 /etc/passwd; test -x /bin/vi', { attempt: 1 }),
    );
    await node.runtime.startContainer(again);
    await node.seen('containerExited', again);
    assert.equal((await statusOf(again)).exitCode, 0);
    assert.match(readFileSync((await statusOf(again)).logPath, 'utf8'), / root:x:0:0:/);
    await removed(sandbox);
  });

  test('a pause process killed from outside is told, and the sandbox never becomes ready again', async () => {
    const { sandbox, container } = await runPod('pause', 'sleep 100');
    const pause = (await exec.run({ argv: ['pgrep', '-f', '^/pause'] })).stdout.trim().split('\n');
    assert.equal(pause.length, 1);
    const started = performance.now();
    process.kill(Number(pause[0]), 'SIGKILL');
    await node.seen('sandboxNotReady', sandbox);
    assert.ok(performance.now() - started < 1000);
    assert.equal((await node.runtime.listPodSandboxes())[0]?.state, 'notready');
    await assert.rejects(
      node.runtime.createContainer(sandbox, containerConfig(imageId, 'true', { attempt: 1 })),
      /not ready/,
    );
    await node.runtime.stopPodSandbox(sandbox);
    assert.equal((await statusOf(container)).exitCode, 137);
    await removed(sandbox);
  });

  test('stop: the signal first, KILL for those who do not listen', async () => {
    const polite = await runPod('polite', 'trap "exit 3" TERM; echo up; while :; do sleep 0.05; done');
    await waitForLog(polite.log, 'up');
    await node.runtime.stopContainer(polite.container, 5);
    assert.equal((await statusOf(polite.container)).exitCode, 3);
    const deaf = await runPod('deaf', 'trap "" TERM; echo up; while :; do sleep 0.05; done');
    await waitForLog(deaf.log, 'up');
    const started = performance.now();
    await node.runtime.stopContainer(deaf.container, 1);
    assert.ok(performance.now() - started > 900);
    assert.equal((await statusOf(deaf.container)).exitCode, 137);
    await node.runtime.removePodSandbox(polite.sandbox);
    await removed(deaf.sandbox);
  });

  test('stop: who is told before it listens is told again', async () => {
    const { sandbox, container, log } = await runPod('late', 'echo up; sleep 0.3; trap "exit 4" TERM; sleep 30 & wait');
    await waitForLog(log, 'up');
    const started = performance.now();
    await node.runtime.stopContainer(container, 25);
    assert.ok(performance.now() - started < 20_000, 'it did not wait for its whole grace');
    assert.equal((await statusOf(container)).exitCode, 4);
    await removed(sandbox);
  });

  test('a command that is not there rejects, and leaves an exited container', async () => {
    const { id: sandbox } = await node.runtime.runPodSandbox(sandboxConfig('missing'));
    const container = await node.runtime.createContainer(
      sandbox,
      containerConfig(imageId, '', { command: ['/no/such/command'] }),
    );
    await assert.rejects(
      node.runtime.startContainer(container),
      /container main of default\/missing: .*no\/such\/command/,
    );
    const status = await statusOf(container);
    assert.deepEqual([status.state, status.exitCode, status.reason], ['exited', 128, 'StartError']);
    await removed(sandbox);
  });

  test('exec: output, exit codes, time-out, and nothing left of it', async () => {
    const { sandbox, container } = await runPod('exec', 'sleep 100');
    const run = (...command: string[]) => node.runtime.execSync(container, command, 5);
    assert.deepEqual(await run('sh', '-c', 'echo out; echo err >&2; exit 9'), {
      exitCode: 9,
      stdout: 'out\n',
      stderr: 'err\n',
    });
    assert.equal((await run('sh', '-c', 'exit 255')).exitCode, 255);
    assert.equal((await run('sh', '-c', 'kill -9 $$')).exitCode, 137);
    assert.equal((await run('no-such-command')).exitCode, 127);
    assert.equal((await run('/etc/passwd')).exitCode, 126);
    await assert.rejects(
      node.runtime.execSync(container, ['sleep', '50'], 0.3),
      (error: Error & { timedOut?: boolean }) => error.timedOut === true,
    );
    assert.equal((await run('sh', '-c', 'ps | grep -c "[s]leep 50"')).stdout, '0\n');

    const session = await node.runtime.exec(container, {
      command: ['sh', '-c', 'cat; echo err >&2; exit 4'],
      tty: false,
      stdin: true,
    });
    session.stdin?.end('typed');
    assert.deepEqual(
      await Promise.all([text(session.stdout), text(session.stderr ?? session.stdout), session.exitCode]),
      ['typed', 'err\n', 4],
    );

    const missing = await node.runtime.exec(container, { command: ['no-such-command'], tty: false, stdin: false });
    missing.stdout.resume();
    missing.stderr?.resume();
    await assert.rejects(missing.exitCode, (error: Error & { exitCode?: number }) => error.exitCode === 127);
    await removed(sandbox);
  });

  test('exec with a terminal: size, resize, exit code; kill ends what runs', async () => {
    const { sandbox, container } = await runPod('tty', 'sleep 100');
    const session = await node.runtime.exec(container, { command: ['sh'], tty: true, stdin: true });
    assert.equal(session.stderr, undefined);
    let shown = '';
    session.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()));
    const type = async (line: string, expected: RegExp): Promise<void> => {
      session.stdin?.write(`${line}\n`);
      for (let tries = 0; tries < 200 && !expected.test(shown); tries++)
        await new Promise((resolve) => setTimeout(resolve, 10));
      assert.match(shown, expected);
    };
    await type('tty', /\/dev\/pts\/0/);
    session.resize(101, 33);
    await type('sleep 0.1; stty size', /33 101/);
    session.stdin?.write('exit 6\n');
    assert.equal(await session.exitCode, 6);

    const long = await node.runtime.exec(container, { command: ['sleep', '60'], tty: false, stdin: false });
    const output = buffer(long.stdout);
    long.stderr?.resume();
    await new Promise((resolve) => setTimeout(resolve, 200));
    long.kill();
    assert.equal(await long.exitCode, 137);
    await output;
    assert.equal((await node.runtime.execSync(container, ['sh', '-c', 'ps | grep -c "[s]leep 60"'], 5)).stdout, '0\n');
    await removed(sandbox);
  });

  test('a second runtime adopts what runs and tells what ended meanwhile', async () => {
    const stays = await runPod('stays', 'sleep 100');
    const ends = await runPod('ends-meanwhile', 'sleep 0.5; exit 5');
    await node.runtime.stop();
    await new Promise((resolve) => setTimeout(resolve, 800));
    node = await startNode(exec, network);
    assert.deepEqual(node.events, [{ type: 'containerExited', podUid: 'uid-ends-meanwhile', id: ends.container }]);
    assert.equal((await statusOf(ends.container)).exitCode, 5);
    assert.equal((await statusOf(stays.container)).state, 'running');
    assert.equal((await node.runtime.execSync(stays.container, ['echo', 'here'], 5)).stdout, 'here\n');
    await node.runtime.removePodSandbox(ends.sandbox);
    await node.runtime.stopContainer(stays.container, 0);
    assert.equal((await statusOf(stays.container)).exitCode, 137);
    await removed(stays.sandbox);
  });

  test('a container whose conmon was killed is found to have ended', async () => {
    const { sandbox, container } = await runPod('orphan', 'sleep 100');
    const [conmon] = (await exec.run({ argv: ['pgrep', '-f', `conmon --cid ${container}`] })).stdout.trim().split('\n');
    process.kill(Number(conmon), 'SIGKILL');
    await node.runtime.stopContainer(container, 0);
    assert.deepEqual([(await statusOf(container)).state, (await statusOf(container)).exitCode], ['exited', 255]);
    await removed(sandbox);
  });

  test('an image in use can be removed, and its layers go with their last container', async () => {
    const { sandbox, container } = await runPod('holds', 'sleep 100');
    await node.images.removeImage(imageId);
    assert.equal(await node.images.imageStatus('busybox'), undefined);
    assert.equal((await node.runtime.execSync(container, ['true'], 5)).exitCode, 0);
    await node.runtime.removePodSandbox(sandbox);
    assert.equal((await makeBusyboxImage({ images: node.images, exec })).id, imageId);
    assert.equal((await node.images.imageStatus('busybox'))?.id, imageId);
  });

  test('how long it takes', async () => {
    const sandboxMs: number[] = [];
    const containerMs: number[] = [];
    const removeMs: number[] = [];
    for (let round = 0; round < 10; round++) {
      const start = performance.now();
      const { id } = await node.runtime.runPodSandbox(sandboxConfig(`speed${round}`));
      const middle = performance.now();
      const container = await node.runtime.createContainer(id, containerConfig(imageId, 'sleep 100'));
      await node.runtime.startContainer(container);
      const end = performance.now();
      await node.runtime.removePodSandbox(id);
      sandboxMs.push(middle - start);
      containerMs.push(end - middle);
      removeMs.push(performance.now() - end);
    }
    const median = (times: number[]): string => (times.sort((a, b) => a - b)[5] ?? 0).toFixed(1);
    process.stdout.write(
      `medians: sandbox ${median(sandboxMs)} ms, container ${median(containerMs)} ms, remove ${median(removeMs)} ms\n`,
    );
    await nothingLeft();
  });
}

async function waitForLog(path: string, expected: string): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    try {
      if (readFileSync(path, 'utf8').includes(expected)) return;
    } catch {
      // not there yet
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.fail(`${expected} did not appear in ${path}`);
}
