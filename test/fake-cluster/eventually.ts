/** Waiting for something to become true. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Tries again until `check` does not throw; after `timeoutMs` its last error is thrown. */
export async function eventually(check: () => void, timeoutMs = 20_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    try {
      check();
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
    }
    await sleep(2);
  }
}

/** Waits until nothing has been written for `ms`. */
export async function quiet(cluster: { readonly writes: readonly string[] }, ms = 60): Promise<void> {
  for (let before = -1; before !== cluster.writes.length;) {
    before = cluster.writes.length;
    await sleep(ms);
  }
}
