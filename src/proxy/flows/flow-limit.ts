/** How full the kernel's table of flows is: full, it drops every packet that would open one, and nobody says why. */
import type { Logger } from '../../api/logger.ts';
import { flowCount } from '../../kernel/conntrack.ts';
import type { Exec } from '../../kernel/exec.ts';

/** Told once; again only after there was room for a while. */
const fullAt = 0.8;
const roomAt = 0.7;

export interface FlowLimitOptions {
  readonly exec: Exec;
  readonly logger: Logger;
  /** Every look. */
  readonly onCount: (count: number, limit: number) => void;
  readonly onNearlyFull: (message: string) => void;
}

/** Returns one look; it never rejects. */
export function createFlowLimit({ exec, logger, onCount, onNearlyFull }: FlowLimitOptions): () => Promise<void> {
  let told = false;
  return async () => {
    try {
      const found = await flowCount(exec);
      if (found === undefined) return;
      const { count, limit } = found;
      onCount(count, limit);
      if (count < limit * roomAt) told = false;
      if (told || count < limit * fullAt) return;
      told = true;
      const percent = Math.floor((100 * count) / limit);
      onNearlyFull(
        `the kernel's table of flows is ${percent} % full (${count} of ${limit}): when it is full, new connections are dropped; ` +
          'raise net.netfilter.nf_conntrack_max, or lower its timeouts',
      );
    } catch (error) {
      logger.warn('flows were not counted', { error: String(error) });
    }
  };
}
