/** Attaching to containers on a real kernel. Needs root, conmon, crun or runc, catatonit, busybox-static, perl-base. */
import assert from 'node:assert/strict';
import { rmdirSync } from 'node:fs';
import { after, afterEach, before, describe, test } from 'node:test';
import { text } from 'node:stream/consumers';
import { createDirectExec } from '../../src/kernel/run-process.ts';
import type { ExecSession } from '../../src/runtime/contract.ts';
import { makeBusyboxImage } from '../../src/runtime/images/busybox.ts';
import {
  bareNetwork,
  cgroupParent,
  containerConfig,
  isInside,
  prepareMachine,
  runInside,
  sandboxConfig,
  startNode,
  type TestNode,
} from './runtime-node.ts';

if (!isInside) test('attaching to containers on a real kernel', () => runInside(import.meta.filename));
else describe('inside', { concurrency: false }, inside);

function inside(): void {
  const exec = createDirectExec();
  let node: TestNode;
  let imageId: string;

  before(async () => {
    await prepareMachine(exec);
    node = await startNode(exec, bareNetwork(exec));
    imageId = (await makeBusyboxImage({ images: node.images, exec })).id;
  });

  afterEach(async () => {
    for (const { id } of await node.runtime.listPodSandboxes()) {
      await node.runtime.stopPodSandbox(id);
      await node.runtime.removePodSandbox(id);
    }
  });

  after(async () => {
    await node.runtime.stop();
    rmdirSync(`/sys/fs/cgroup${cgroupParent}/conmon`);
    rmdirSync(`/sys/fs/cgroup${cgroupParent}`);
  });

  async function run(script: string, more: Parameters<typeof containerConfig>[2] = {}): Promise<string> {
    const { id: sandbox } = await node.runtime.runPodSandbox(sandboxConfig('talk'));
    const container = await node.runtime.createContainer(sandbox, containerConfig(imageId, script, more));
    await node.runtime.startContainer(container);
    return container;
  }

  /** Reads until it has said so much. */
  async function heard(session: ExecSession, expected: string): Promise<void> {
    let got = '';
    const signal = AbortSignal.timeout(5_000);
    await new Promise<void>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(new Error(`heard only: ${got}`)));
      session.stdout.on('data', (chunk: Buffer) => {
        got += chunk.toString();
        if (got.includes(expected)) resolve();
      });
    });
  }

  test('input, output and error are those of the container; with stdinOnce its input ends with ours', async () => {
    const script = 'while read x; do echo "out $x"; echo "err $x" >&2; done; echo over';
    const container = await run(script, { stdin: true, stdinOnce: true });
    const session = await node.runtime.attach(container, { stdin: true });
    session.stdin?.end('one\ntwo\n');
    assert.ok(session.stderr);
    const [out, err, code] = await Promise.all([text(session.stdout), text(session.stderr), session.exitCode]);
    assert.equal(out, 'out one\nout two\nover\n');
    assert.equal(err, 'err one\nerr two\n');
    assert.equal(code, 0);
    await node.seen('containerExited', container);
  });

  test('without stdinOnce the next one goes on where the first has left', async () => {
    const container = await run('while read x; do echo "got $x"; done; echo over; sleep 100', { stdin: true });
    for (const word of ['first', 'second']) {
      const session = await node.runtime.attach(container, { stdin: true });
      session.stderr?.resume();
      const answer = heard(session, `got ${word}`);
      session.stdin?.write(`${word}\n`);
      await answer;
      session.kill();
      await session.exitCode;
    }
    assert.equal((await node.runtime.containerStatus(container))?.state, 'running');
  });

  test('two listen at once, and nobody who does not ask talks', async () => {
    const container = await run('read x; echo "got $x"; sleep 100', { stdin: true });
    const [talker, listener] = [
      await node.runtime.attach(container, { stdin: true }),
      await node.runtime.attach(container, { stdin: false }),
    ];
    assert.equal(listener.stdin, undefined);
    for (const { stderr } of [talker, listener]) stderr?.resume();
    const both = Promise.all([heard(talker, 'got it'), heard(listener, 'got it')]);
    // The socket is in conmon's hands a moment after the connect.
    await new Promise((resolve) => setTimeout(resolve, 200));
    talker.stdin?.write('it\n');
    await both;
    for (const session of [talker, listener]) session.kill();
  });

  test('a terminal has the size that it is given', async () => {
    const container = await run('read x; stty size; sleep 100', { stdin: true, tty: true });
    const session = await node.runtime.attach(container, { stdin: true });
    assert.equal(session.stderr, undefined);
    session.resize(132, 43);
    const answer = heard(session, '43 132');
    await new Promise((resolve) => setTimeout(resolve, 200));
    session.stdin?.write('\n');
    await answer;
    session.kill();
  });

  test('much data both ways, none of it lost', async () => {
    const container = await run('cat', { stdin: true, stdinOnce: true });
    const session = await node.runtime.attach(container, { stdin: true });
    session.stderr?.resume();
    const block = 'x'.repeat(1023) + '\n';
    const echoed = text(session.stdout);
    for (let index = 0; index < 3_000; index += 1) {
      if (session.stdin?.write(block) === false) await new Promise((resolve) => session.stdin?.once('drain', resolve));
    }
    session.stdin?.end();
    assert.equal((await echoed).length, 3_000 * 1024);
  });

  test('who listens but never reads is cut off, and the container goes on', async () => {
    const container = await run('i=0; while [ $i -lt 400 ]; do head -c 65536 /dev/zero; i=$((i+1)); done; exit 5');
    const session = await node.runtime.attach(container, { stdin: false });
    session.stderr?.resume();
    await node.seen('containerExited', container);
    assert.equal((await node.runtime.containerStatus(container))?.exitCode, 5);
    session.stdout.resume();
    await session.exitCode;
  });

  test('a container that has ended cannot be attached to', async () => {
    const container = await run('true');
    await node.seen('containerExited', container);
    await assert.rejects(node.runtime.attach(container, { stdin: false }), /exited, not running/);
  });
}
