import assert from 'node:assert/strict';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { LogChain } from './log-chain.ts';
import { LineReader, parseLogLine } from './log-lines.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lines-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const entry = (tag: 'F' | 'P', text: string): string => `2026-01-01T00:00:00.000000000Z stdout ${tag} ${text}\n`;

/** What a reader gives that begins so many lines before the end; and how many lines it found. */
async function tail(content: string, lines: number): Promise<{ text: string; found: number }> {
  const path = join(folder, 'log');
  await writeFile(path, content);
  const file = await open(path);
  const { ino, size } = await file.stat();
  const reader = new LineReader(file, { inode: ino, size });
  const { found } = await reader.skipToTail({ lines, isLast: true });
  let text = '';
  for (let next = await reader.next(); next.length > 0; next = await reader.next()) {
    for (const line of next) {
      const parsed = parseLogLine(line);
      text += `${parsed?.text.toString() ?? '?'}${parsed?.full === true ? '|' : ''}`;
    }
  }
  await reader.close();
  return { text, found };
}

test('a line is a line in however many entries it came', async () => {
  const log = entry('F', 'a') + entry('P', 'b1') + entry('P', 'b2') + entry('F', 'b3') + entry('F', 'c');
  assert.deepEqual(await tail(log, 1), { text: 'c|', found: 1 });
  assert.deepEqual(await tail(log, 2), { text: 'b1b2b3|c|', found: 2 });
  assert.deepEqual(await tail(log, 3), { text: 'a|b1b2b3|c|', found: 3 });
  assert.deepEqual(await tail(log, 9), { text: 'a|b1b2b3|c|', found: 3 });
  assert.deepEqual(await tail(log, 0), { text: '', found: 0 });
  assert.deepEqual(await tail('', 3), { text: '', found: 0 });
});

test('the last line may lack its end', async () => {
  const log = entry('F', 'a') + entry('F', 'b') + entry('P', 'password: ');
  assert.deepEqual(await tail(log, 1), { text: 'password: ', found: 1 });
  assert.deepEqual(await tail(log, 2), { text: 'b|password: ', found: 2 });
});

test('entries on both sides of a chunk are counted once', async () => {
  for (const length of [1, 20, 21, 22, 23, 64, 1_000, 70_000]) {
    const count = Math.ceil(200_000 / (length + 40));
    const texts = Array.from({ length: count }, (_, index) => String(index).padEnd(length, 'x'));
    const log = texts.map((text) => entry('F', text)).join('');
    for (const lines of [1, count - 1, count, count + 1]) {
      const { text, found } = await tail(log, lines);
      assert.equal(found, Math.min(lines, count), `${lines} of ${count} lines of ${length} bytes`);
      assert.equal(
        text,
        texts
          .slice(-lines)
          .map((each) => `${each}|`)
          .join(''),
      );
    }
  }
});

test('a line that begins in one file and ends in the next is one', async () => {
  const path = join(folder, '0.log');
  await writeFile(`${path}.1`, entry('F', 'a') + entry('F', 'b') + entry('P', 'c1'));
  await writeFile(`${path}.2`, entry('P', 'c2'));
  await writeFile(path, entry('F', 'c3') + entry('F', 'd') + entry('P', 'e'));
  const expected = ['', 'e', 'd|e', 'c1c2c3|d|e', 'b|c1c2c3|d|e', 'a|b|c1c2c3|d|e', 'a|b|c1c2c3|d|e'];
  for (const [lines, text] of expected.entries()) {
    const chain = await LogChain.open(path, lines);
    chain.limit();
    let got = '';
    for (let next = await chain.next(); next.length > 0; next = await chain.next()) {
      for (const line of next) {
        const parsed = parseLogLine(line);
        got += `${parsed?.text.toString() ?? '?'}${parsed?.full === true ? '|' : ''}`;
      }
    }
    await chain.close();
    assert.equal(got, text, `${lines} lines`);
  }
});
