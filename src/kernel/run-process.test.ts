import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CommandError, type Exec } from './exec.ts';
import { createDirectExec } from './run-process.ts';
import { createRunner, type Runner } from './runner.ts';
import { silentLogger } from '../api/logger.ts';

async function failure(promise: Promise<unknown>): Promise<CommandError> {
  const error: unknown = await promise.then(
    () => assert.fail('should have rejected'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof CommandError);
  return error;
}

/** What every Exec does, whichever process starts the program. */
function execCases(exec: () => Exec): void {
  test('gives stdout, stderr and exit code', async () => {
    const result = await exec().run({ argv: ['sh', '-c', 'echo out; echo err >&2; exit 3'], okExitCodes: [0, 3] });
    assert.equal(result.exitCode, 3);
    assert.equal(result.stdout, 'out\n');
    assert.equal(result.stderr, 'err\n');
  });

  test('arguments are never read by a shell', async () => {
    const result = await exec().run({ argv: ['printf', '%s|', '$(id)', 'a b', ';'] });
    assert.equal(result.stdout, '$(id)|a b|;|');
  });

  test('stdin arrives whole, and none means empty', async () => {
    const text = 'é'.repeat(200_000);
    assert.equal((await exec().run({ argv: ['cat'], stdin: text })).stdout, text);
    assert.equal((await exec().run({ argv: ['cat'] })).stdout, '');
  });

  test('a program that reads nothing of its stdin is no error', async () => {
    assert.equal((await exec().run({ argv: ['true'], stdin: 'x'.repeat(1_000_000) })).exitCode, 0);
  });

  test('an exit code not named rejects with the facts', async () => {
    const error = await failure(exec().run({ argv: ['sh', '-c', 'echo why >&2; exit 7'] }));
    assert.equal(error.exitCode, 7);
    assert.equal(error.stderr, 'why\n');
    assert.match(error.message, /sh -c .*: exit code 7: why$/);
  });

  test('a missing program says so', async () => {
    assert.equal((await failure(exec().run({ argv: ['no-such-program-here'] }))).missing, true);
  });

  test('arguments beyond the limit of the kernel reject at once', async () => {
    const error = await failure(exec().run({ argv: ['true', 'x'.repeat(3_000_000)] }));
    assert.match(error.message, /E2BIG/);
    assert.equal(error.missing, false);
  });

  test('a time-out kills and rejects, also when a child of it holds the pipe', async () => {
    const error = await failure(exec().run({ argv: ['sh', '-c', 'sleep 3 & wait'], timeoutMs: 60 }));
    assert.equal(error.timedOut, true);
    assert.ok(error.durationMs < 2000);
  });

  test('a daemon that holds the pipe does not hold the result', async () => {
    const result = await exec().run({ argv: ['sh', '-c', 'echo up; sleep 3 &'] });
    assert.equal(result.stdout, 'up\n');
    assert.ok(result.durationMs < 2000);
  });

  test('too much output rejects', async () => {
    assert.match(
      (await failure(exec().run({ argv: ['yes'], maxOutputBytes: 10_000 }))).message,
      /more than 10000 bytes/,
    );
  });

  test('the environment is added to', async () => {
    const { stdout } = await exec().run({ argv: ['sh', '-c', 'echo $POD-$HOME'], env: { POD: 'web' } });
    assert.equal(stdout, `web-${process.env.HOME}\n`);
  });

  test('a daemon reports on its pipe', async () => {
    const argv = ['sh', '-c', '(sleep 0.05; echo ready >&3; exec sleep 1) & exit 0'] as const;
    const result = await exec().run({ argv, reportPipe: 'REPORT_FD' });
    assert.equal(result.stdout, 'ready\n');
    assert.ok(result.durationMs < 900);
  });

  test('a daemon that ends without a report rejects', async () => {
    const argv = ['sh', '-c', 'echo broken >&2; exit 0'] as const;
    assert.match((await failure(exec().run({ argv, reportPipe: 'REPORT_FD' }))).message, /without a report: broken/);
  });
}

test('direct', async (t) => {
  await t.test('cases', () => execCases(() => createDirectExec()));
});

test('runner', async (t) => {
  let runner: Runner;
  t.before(async () => {
    runner = await createRunner({ logger: silentLogger });
  });
  t.after(() => runner.close());

  await t.test('cases', () => execCases(() => runner));

  await t.test('programs are not our own children', async () => {
    const { stdout } = await runner.run({ argv: ['sh', '-c', 'echo $PPID'] });
    assert.notEqual(Number(stdout), process.pid);
  });

  await t.test('when it dies, calls under way reject and the next one works', async () => {
    const own = await createRunner({ logger: silentLogger });
    const { stdout } = await own.run({ argv: ['sh', '-c', 'echo $PPID'] });
    const waiting = failure(own.run({ argv: ['sleep', '1'] }));
    process.kill(Number(stdout), 'SIGKILL');
    assert.match((await waiting).message, /the runner process ended \(SIGKILL\)/);
    assert.equal((await own.run({ argv: ['echo', 'again'] })).stdout, 'again\n');
    await own.close();
  });

  await t.test('it joins the groups it is told, and so does the one that takes its place', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'podwire-runner-'));
    const file = join(folder, 'cgroup.procs');
    const own = await createRunner({ logger: silentLogger });
    const pid = async (): Promise<string> => (await own.run({ argv: ['sh', '-c', 'printf $PPID'] })).stdout;
    own.placeStarter?.([join(folder, 'missing/cgroup.procs'), file]);
    const first = await pid();
    assert.equal(readFileSync(file, 'utf8'), first);
    process.kill(Number(first), 'SIGKILL');
    await failure(own.run({ argv: ['sleep', '1'] }));
    const second = await pid();
    assert.notEqual(second, first);
    assert.equal(readFileSync(file, 'utf8'), second);
    await own.close();
    rmSync(folder, { recursive: true });
  });

  await t.test('closed: no more calls', async () => {
    const own = await createRunner({ logger: silentLogger });
    await own.close();
    assert.match((await failure(own.run({ argv: ['true'] }))).message, /was closed/);
  });

  await t.test('it ends when its parent is killed', async () => {
    const script = `import { createRunner } from ${JSON.stringify(new URL('./runner.ts', import.meta.url).href)};
      const logger = { info() {}, warn() {}, error() {}, with() { return logger; } };
      const runner = await createRunner({ logger });
      process.stdout.write((await runner.run({ argv: ['sh', '-c', 'echo $PPID'] })).stdout);
      process.kill(process.pid, 'SIGKILL');`;
    const argv = [process.execPath, '--input-type=module', '-e', script] as const;
    const error = await failure(createDirectExec().run({ argv }));
    const pid = Number(error.stdout);
    assert.ok(pid > 1);
    for (let tries = 0; tries < 100 && isRunning(pid); tries++) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(isRunning(pid), false);
  });
});

/** A zombie is not running: who reaps it is not our matter here. */
function isRunning(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}
