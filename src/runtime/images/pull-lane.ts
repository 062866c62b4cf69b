import { createHash } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { withLock } from './store-lock.ts';

/** So many pulls go on at once, in all processes of the machine. */
const lanes = 8;

/**
 * Runs `work` with an empty folder of its own below `dir`, gone afterwards. One repository is always in the same lane, so that what
 * is asked for twice is fetched once; who comes into a lane first removes what a killed one left there.
 */
export async function inLane<T>(dir: string, repository: string, work: (folder: string) => Promise<T>): Promise<T> {
  const pulls = join(dir, 'pulls');
  await mkdir(pulls, { recursive: true, mode: 0o700 });
  const lane = (createHash('sha256').update(repository).digest()[0] ?? 0) % lanes;
  const folder = join(pulls, `lane-${lane}`);
  return withLock(`${folder}.lock`, async () => {
    try {
      await rm(folder, { recursive: true, force: true });
      await mkdir(folder, { mode: 0o700 });
      return await work(folder);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}
