import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test from 'node:test';
import { contents, temporaryPlace } from '../../src/store/embedded/testing.ts';

const writer = join(import.meta.dirname, 'endless-writer.ts');

test('kill -9 of a writer loses nothing that was acknowledged, and its lock is gone with it', async () => {
  for (const acknowledgements of [5, 300, 1500]) {
    await using fresh = await temporaryPlace();
    const child = spawn(process.execPath, [writer, fresh.path], { stdio: ['ignore', 'pipe', 'inherit'] });
    const last = new Map<string, number>();
    let count = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      const [key = '', round = ''] = line.split(' ');
      last.set(`/w${key}`, Number(round));
      if (++count === acknowledgements) child.kill('SIGKILL');
    }
    if (child.signalCode === null) await once(child, 'exit');
    assert.equal(child.signalCode, 'SIGKILL');
    const kept = await contents(await fresh.open());
    for (const [key, round] of last) {
      const found = Number(kept[key]?.split(':')[0]);
      // One more may be on disk than was said.
      assert.ok(found === round || found === round + 1, `${key}: acknowledged ${round}, found ${found}`);
    }
  }
});
