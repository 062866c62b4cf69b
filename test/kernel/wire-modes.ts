/** Which modes can be tried with real packets here, and how long tests that repeat something go on. */
import { modes } from '../../src/proxy/modes.ts';
import { caseModes, type CaseMode } from '../cases/packet-case.ts';
import { proxyModeOf } from './case-lab.ts';

/** Why not; false when it can. */
export function skipReason(mode: CaseMode): string | false {
  if (process.getuid?.() !== 0) return 'needs root for network namespaces';
  const name = proxyModeOf(mode);
  return modes.some((one) => one.name === name) ? false : `there is no proxy mode ${name} yet`;
}

/** Modes whose packets the kernel itself translates: nothing of the proxy needs to run. */
export const kernelModes = caseModes.filter((mode) => mode !== 'userspace');

/** `scripts/test --all`. */
export const isThorough = process.env['PODWIRE_TEST_ALL'] === '1';
