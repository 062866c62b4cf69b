/** A log that is rotated under a container that writes as fast as it can: no line is lost or comes twice. Needs what runtime-attach needs. */
import assert from 'node:assert/strict';
import { readdirSync, rmdirSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { silentLogger } from '../../src/api/logger.ts';
import { createDirectExec } from '../../src/kernel/run-process.ts';
import { rotateLogs } from '../../src/kubelet/logs/log-rotation.ts';
import { logStream, type LogSource } from '../../src/kubelet/logs/log-stream.ts';
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

const lines = 1_000_000;
/** What must be kept up with; a machine that is slower than this writes slower too, and the test holds all the same. */
const perSecond = 100_000;

if (!isInside) test('logs that are rotated, on a real kernel', () => runInside(import.meta.filename));
else describe('inside', { concurrency: false }, inside);

function inside(): void {
  const exec = createDirectExec();
  const ending = new AbortController();
  let node: TestNode;
  let imageId: string;

  before(async () => {
    await prepareMachine(exec);
    node = await startNode(exec, bareNetwork(exec));
    imageId = (await makeBusyboxImage({ images: node.images, exec })).id;
  });

  after(async () => {
    ending.abort();
    await node.runtime.stop();
    rmdirSync(`/sys/fs/cgroup${cgroupParent}/conmon`);
    rmdirSync(`/sys/fs/cgroup${cgroupParent}`);
  });

  const options = {
    previous: false,
    timestamps: false,
    tailLines: undefined,
    sinceMs: undefined,
    limitBytes: undefined,
  };

  /** Counts the numbers that come, and stops at the first that is not the next one. */
  async function readInOrder(source: LogSource, follow: boolean): Promise<number> {
    let last = 0;
    let rest = '';
    const wanted = { ...options, follow, streams: ['stdout' as const] };
    for await (const part of logStream(source, wanted, ending.signal)) {
      const whole = (rest + part.toString('latin1')).split('\n');
      rest = whole.pop() ?? '';
      for (const line of whole) {
        assert.equal(line, String(last + 1));
        last += 1;
      }
    }
    return last;
  }

  test(`${lines} lines at once, in files of 1 MiB`, async () => {
    rotateLogs({
      runtime: node.runtime,
      maxBytes: 1024 * 1024,
      maxFiles: 1_000,
      logger: silentLogger,
      signal: ending.signal,
      tickMs: 20,
    });
    const { id: sandbox } = await node.runtime.runPodSandbox(sandboxConfig('loud'));
    const config = containerConfig(imageId, `seq 1 ${lines}`);
    const container = await node.runtime.createContainer(sandbox, config);
    const began = performance.now();
    await node.runtime.startContainer(container);
    const source: LogSource = {
      path: config.logPath,
      isDone: async () => (await node.runtime.containerStatus(container))?.state !== 'running',
      onChange: (wake) => {
        node.runtime.onEvent(wake);
        return () => undefined;
      },
    };
    assert.equal(await readInOrder(source, true), lines);
    const seconds = (performance.now() - began) / 1000;
    const files = readdirSync(dirname(config.logPath)).filter((name) => name.startsWith(basename(config.logPath)));
    process.stdout.write(`followed at ${Math.round(lines / seconds)} lines/s over ${files.length} files\n`);
    // How often depends on who is quicker, the writer or the rotation: once at least, or nothing was shown.
    assert.ok(files.length > 1, files.join(' '));
    assert.ok(lines / seconds > perSecond / 10, `${lines} lines took ${seconds} s`);
    assert.equal(await readInOrder(source, false), lines);
    await node.runtime.stopPodSandbox(sandbox);
    await node.runtime.removePodSandbox(sandbox);
  });
}
