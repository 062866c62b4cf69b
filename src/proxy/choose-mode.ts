/** Which mode runs: the one that was asked for, or for `auto` the fastest that this machine can do. */
import type { Logger } from '../api/logger.ts';
import type { Exec } from '../kernel/exec.ts';
import type { Family } from '../kernel/family.ts';
import { autoMode, defaultProxyMode, type Mode, type WantedMode } from './back-end.ts';

/** What is asked for cannot be had on this machine; the message is for people. */
export class ProxyModeError extends Error {
  override readonly name = 'ProxyModeError';
}

async function missingOf(mode: Mode, exec: Exec, families: readonly Family[]): Promise<string[]> {
  const lists = await Promise.all(families.map((family) => mode.missing(exec, family)));
  return [...new Set(lists.flat())];
}

/** Rejects with a ProxyModeError that names what is missing; nothing else is put in the place of a mode that was named. */
export async function chooseMode(
  modes: readonly Mode[],
  wanted: WantedMode,
  { exec, families, logger }: { readonly exec: Exec; readonly families: readonly Family[]; readonly logger: Logger },
): Promise<Mode> {
  const fastest = modes.find(({ name }) => name === 'nftables');
  if (wanted === autoMode && fastest !== undefined) {
    const missing = await missingOf(fastest, exec, families);
    if (missing.length === 0) return fastest;
    logger.warn('no nftables mode on this machine, iptables instead', { missing });
  }
  const name = wanted === autoMode ? defaultProxyMode : wanted;
  const mode = modes.find((one) => one.name === name);
  if (mode === undefined)
    throw new ProxyModeError(
      `there is no proxy mode ${name}: take one of ${modes.map((one) => one.name).join(', ')}, ${autoMode}`,
    );
  const missing = await missingOf(mode, exec, families);
  if (missing.length > 0)
    throw new ProxyModeError(`proxy mode ${name} cannot work on this machine:\n  ${missing.join('\n  ')}`);
  return mode;
}
