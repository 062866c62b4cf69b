/** Telling neighbours where an address is now, before they ask. */
import type { Exec } from './exec.ts';

/**
 * Three unasked requests, a second apart: whoever has the address in its table learns the new place (RFC 5227). Resolves after
 * the last. Rejects when there is no busybox: then neighbours find out when their entry is no longer confirmed.
 */
export async function announceAddress(exec: Exec, address: string, link: string): Promise<void> {
  const argv = ['busybox', 'arping', '-q', '-U', '-c', '3', '-I', link, address] as const;
  await exec.run({ argv, timeoutMs: 10_000, okExitCodes: [0, 1] });
}
