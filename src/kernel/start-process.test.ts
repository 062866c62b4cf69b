import assert from 'node:assert/strict';
import { test } from 'node:test';
import { text } from 'node:stream/consumers';
import { startProcess } from './start-process.ts';

test('streams are kept apart, the exit code arrives', async () => {
  const child = await startProcess({
    argv: ['sh', '-c', 'read line; echo "out $line"; echo err >&2; exit 4'],
    stdin: true,
  });
  child.stdin?.write('hello\n');
  assert.deepEqual(await Promise.all([text(child.stdout), text(child.stderr ?? child.stdout)]), [
    'out hello\n',
    'err\n',
  ]);
  assert.deepEqual(await child.ended, { exitCode: 4, signal: undefined });
});

test('without stdin it reads nothing', async () => {
  const child = await startProcess({ argv: ['cat'] });
  assert.equal(child.stdin, undefined);
  assert.equal(await text(child.stdout), '');
});

test('a kill shows as its signal', async () => {
  const child = await startProcess({ argv: ['sleep', '5'] });
  child.kill('SIGKILL');
  assert.deepEqual(await child.ended, { exitCode: undefined, signal: 'SIGKILL' });
});

test('a missing program rejects', async () => {
  await assert.rejects(startProcess({ argv: ['no-such-program-here'] }), /ENOENT/);
});

test('a terminal: its size, a resize, one stream, the exit code', async () => {
  const child = await startProcess({
    argv: ['sh', '-c', 'stty size; read a; stty size; echo err >&2; exit 5'],
    tty: { columns: 80, rows: 24 },
  });
  assert.equal(child.stderr, undefined);
  child.stdout.once('data', () => {
    child.resize(100, 30);
    child.stdin?.write('go\n');
  });
  const output = await text(child.stdout);
  assert.match(output, /^24 80\r\n(go\r\n)?30 100\r\nerr\r\n$/);
  assert.equal((await child.ended).exitCode, 5);
});

test('a terminal gives all output of a fast program to a slow reader', async () => {
  const child = await startProcess({ argv: ['sh', '-c', 'seq 1 50000; exit 3'], tty: { columns: 80, rows: 24 } });
  let size = 0;
  for await (const chunk of child.stdout) {
    size += (chunk as Buffer).length;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  // 1..9, 10..99, … : digits and a CR LF for each line
  assert.equal(size, 9 * 3 + 90 * 4 + 900 * 5 + 9000 * 6 + 40_001 * 7);
  assert.equal((await child.ended).exitCode, 3);
});
