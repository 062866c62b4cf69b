/** Parts of volumes, which a container of the same pod may change at any time. Needs what runtime-attach needs. */
import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { mountsUnder } from '../../src/kernel/mount.ts';
import { createDirectExec } from '../../src/kernel/run-process.ts';
import { makeBusyboxImage } from '../../src/runtime/images/busybox.ts';
import type { MountPropagation } from '../../src/runtime/contract.ts';
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

if (!isInside) test('parts of volumes on a real kernel', () => runInside(import.meta.filename));
else describe('inside', { concurrency: false }, inside);

function inside(): void {
  const exec = createDirectExec();
  let node: TestNode;
  let imageId: string;
  let volume: string;
  let clean: readonly string[] | undefined;

  before(async () => {
    await prepareMachine(exec);
    node = await startNode(exec, bareNetwork(exec));
    imageId = (await makeBusyboxImage({ images: node.images, exec })).id;
    clean = machineState()['mounts'];
  });

  beforeEach(() => {
    volume = mkdtempSync(join(tmpdir(), 'volume-'));
    mkdirSync(join(volume, 'part'));
    writeFileSync(join(volume, 'part', 'text'), 'inside\n');
  });

  afterEach(async () => {
    for (const { id } of await node.runtime.listPodSandboxes()) await node.runtime.removePodSandbox(id);
    assert.deepEqual(machineState()['mounts'], clean);
    rmSync(volume, { recursive: true, force: true });
  });

  after(async () => {
    await node.runtime.stop();
    rmdirSync(`/sys/fs/cgroup${cgroupParent}/conmon`);
    rmdirSync(`/sys/fs/cgroup${cgroupParent}`);
  });

  const folder = (): object => ({
    hostPath: join(volume, 'part'),
    beneath: volume,
    containerPath: '/data',
    readOnly: false,
  });
  const file = (): object => ({
    hostPath: join(volume, 'part', 'text'),
    beneath: volume,
    containerPath: '/one-file',
    readOnly: true,
  });

  async function create(script: string, ...mounts: readonly object[]): Promise<{ container: string; logPath: string }> {
    const { id: sandbox } = await node.runtime.runPodSandbox(sandboxConfig('parts'));
    const config = {
      ...containerConfig(imageId, script),
      mounts: mounts as ReturnType<typeof containerConfig>['mounts'],
    };
    return { container: await node.runtime.createContainer(sandbox, config), logPath: config.logPath };
  }

  test('a folder and a file are seen, and nothing of ours stays mounted while they are', async () => {
    const { container, logPath } = await create('cat /data/text /one-file; echo new > /data/new', folder(), file());
    await node.runtime.startContainer(container);
    assert.ok(!machineState()['mounts']?.some((target) => /\.\d+$/.test(target)));
    await node.seen('containerExited', container);
    assert.equal(readFileSync(logPath, 'utf8').match(/ F inside$/gm)?.length, 2);
    assert.equal(readFileSync(join(volume, 'part', 'new'), 'utf8'), 'new\n');
  });

  test('mounts below a volume are seen by the other side as the pod asks', async () => {
    const mount = (...argv: string[]) => exec.run({ argv: ['mount', ...argv] });
    await mount('--bind', volume, volume);
    await mount('--make-shared', volume);
    for (const name of ['outside', 'inside']) mkdirSync(join(volume, name));
    const at = (containerPath: string, propagation?: MountPropagation) => ({
      ...{ hostPath: volume, containerPath, readOnly: false },
      ...(propagation === undefined ? {} : { propagation }),
    });
    const script = [
      'mount -t tmpfs none /both/inside && touch /both/inside/own /both/ready',
      'until [ -e /host/outside/theirs ]; do sleep 0.02; done',
      'echo $(ls /none/inside /none/outside /host/inside /both/outside)',
    ].join('; ');
    const mounts = [at('/none'), at('/host', 'HostToContainer'), at('/both', 'Bidirectional')];
    const { id: sandbox } = await node.runtime.runPodSandbox(sandboxConfig('parts'));
    const config = containerConfig(imageId, script, { privileged: true, mounts });
    const container = await node.runtime.createContainer(sandbox, config);
    try {
      await node.runtime.startContainer(container);
      for (let tries = 0; tries < 1000 && !existsSync(join(volume, 'ready')); tries++) await sleep(10);
      assert.ok(existsSync(join(volume, 'inside', 'own')), 'the machine sees what the container mounts');
      await mount('-t', 'tmpfs', 'none', join(volume, 'outside'));
      writeFileSync(join(volume, 'outside', 'theirs'), '');
      await node.seen('containerExited', container);
      const expected = /F \/both\/outside: theirs \/host\/inside: own \/none\/inside: \/none\/outside:$/m;
      assert.match(readFileSync(config.logPath, 'utf8'), expected);
    } finally {
      await node.runtime.removePodSandbox(sandbox);
      for (const path of mountsUnder(volume)) await exec.run({ argv: ['umount', path] });
    }
  });

  test('a link that was put in the place of one since it was checked is not followed', async () => {
    const { container } = await create('cat /data/hostname', file(), folder());
    renameSync(join(volume, 'part'), join(volume, 'away'));
    symlinkSync('/etc', join(volume, 'part'));
    await assert.rejects(node.runtime.startContainer(container), /container main of default\/parts/);
    assert.equal((await node.runtime.containerStatus(container))?.state, 'exited');
    assert.equal(readFileSync(join(volume, 'away', 'text'), 'utf8'), 'inside\n');
  });

  test('what is held while the agent dies is let go by the next one', async () => {
    const target = `/run/podwire-test/run/runtime/rootfs/${'0'.repeat(64)}.0`;
    mkdirSync(target, { recursive: true });
    await exec.run({ argv: ['mount', '--bind', volume, target] });
    await node.runtime.stop();
    node = await startNode(exec, bareNetwork(exec));
    assert.deepEqual(machineState()['mounts'], clean);
    assert.equal(readFileSync(join(volume, 'part', 'text'), 'utf8'), 'inside\n');
  });
}
