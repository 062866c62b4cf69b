/** What of other modes the kernel still has goes once this mode's rules are in: no moment without rules. */
import type { Logger } from '../api/logger.ts';
import type { Exec } from '../kernel/exec.ts';
import { ipv4, ipv6, type Family } from '../kernel/family.ts';
import type { Mode } from './back-end.ts';
import { modes } from './modes.ts';
import { endLocalhostPorts } from './userspace/localhost-ports.ts';

export interface OtherModesOptions {
  readonly exec: Exec;
  readonly families: readonly Family[];
  readonly logger: Logger;
}

/** Never rejects: what a mode cannot take away now, the next start does. True when nothing is left. */
async function cleanUp(gone: readonly Mode[], { exec, families, logger }: OtherModesOptions): Promise<boolean> {
  let isClean = true;
  for (const mode of gone) {
    for (const family of families) {
      try {
        const changes = await mode.cleanUp(exec, family);
        if (changes.length > 0) logger.info('rules of a mode removed', { mode: mode.name, changes: changes.length });
      } catch (error) {
        isClean = false;
        logger.error('rules of a mode could not be removed', { mode: mode.name, family: family.name, error });
      }
    }
  }
  return isClean;
}

/** What other modes left. Never rejects. */
export async function cleanUpOthers(current: Mode, options: OtherModesOptions): Promise<void> {
  await cleanUp(
    modes.filter((one) => one !== current && one.name !== current.rulesOf),
    options,
  );
}

/** Everything of every mode goes: no Service is served by this node any more. Never rejects; false when something is left. */
export async function cleanUpAll(options: Omit<OtherModesOptions, 'families'>): Promise<boolean> {
  const families = [ipv4, ipv6];
  await cleanUpLocalhost({ ...options, families });
  return cleanUp(modes, { ...options, families });
}

/** Node ports on loopback that an earlier start was asked for. Never rejects. */
export async function cleanUpLocalhost({ exec, families, logger }: OtherModesOptions): Promise<void> {
  for (const family of families)
    await endLocalhostPorts(exec, family).catch((error: unknown) =>
      logger.error('node ports on loopback could not be closed', { error }),
    );
}
