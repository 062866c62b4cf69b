import assert from 'node:assert/strict';
import { link, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { diskUsage } from './disk-usage.ts';
import { runProcess } from './run-process.ts';

test('a folder takes what du says: files with two names once, links not followed, holes nothing', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'podwire-usage-'));
  try {
    await mkdir(join(folder, 'a/b'), { recursive: true });
    await writeFile(join(folder, 'a/b/big'), Buffer.alloc(1_000_000, 1));
    await writeFile(join(folder, 'small'), 'x');
    await link(join(folder, 'a/b/big'), join(folder, 'again'));
    await symlink('/usr', join(folder, 'out'));
    await runProcess({ argv: ['truncate', '-s', '1G', join(folder, 'hole')] });
    const { stdout } = await runProcess({ argv: ['du', '-sk', folder] });
    const [kibibytes = ''] = stdout.split('\t');
    assert.equal(await diskUsage(folder), Number(kibibytes) * 1024);
    assert.equal(await diskUsage(join(folder, 'none')), 0);
    const some = await diskUsage(folder, 10_000);
    assert.ok(some > 10_000);
  } finally {
    await rm(folder, { recursive: true });
  }
});
