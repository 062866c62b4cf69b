/** The modes there are. */
import type { Mode, ProxyMode } from './back-end.ts';
import { iptablesMode } from './iptables/index.ts';

export const modes: readonly Mode[] = [iptablesMode];

/** Throws for a mode that is not there. */
export function modeNamed(name: ProxyMode): Mode {
  const found = modes.find((mode) => mode.name === name);
  if (found === undefined)
    throw new Error(`there is no proxy mode ${name}: take one of ${modes.map((one) => one.name).join(', ')}`);
  return found;
}
