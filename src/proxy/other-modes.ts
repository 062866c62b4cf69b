/** What of other modes the kernel still has goes once this mode's rules are in: no moment without rules. */
import type { Logger } from '../api/logger.ts';
import type { Exec } from '../kernel/exec.ts';
import type { Family } from '../kernel/family.ts';
import type { Mode } from './back-end.ts';
import { modes } from './modes.ts';
import { endLocalhostPorts } from './userspace/localhost-ports.ts';

export interface OtherModesOptions {
  readonly exec: Exec;
  readonly families: readonly Family[];
  readonly logger: Logger;
}

/** Never rejects: what a mode cannot take away now, the next start does. */
export async function cleanUpOthers(current: Mode, { exec, families, logger }: OtherModesOptions): Promise<void> {
  const others = modes.filter((one) => one !== current && one.name !== current.rulesOf);
  for (const mode of others) {
    for (const family of families) {
      try {
        const changes = await mode.cleanUp(exec, family);
        if (changes.length > 0)
          logger.info('rules of another mode removed', { mode: mode.name, changes: changes.length });
      } catch (error) {
        logger.error('rules of another mode could not be removed', { mode: mode.name, error });
      }
    }
  }
}

/** Node ports on loopback that an earlier start was asked for. Never rejects. */
export async function cleanUpLocalhost({ exec, families, logger }: OtherModesOptions): Promise<void> {
  for (const family of families)
    await endLocalhostPorts(exec, family).catch((error: unknown) =>
      logger.error('node ports on loopback could not be closed', { error }),
    );
}
