/** The back ends there are, and which one a node takes. */
import type { Exec } from '../../kernel/exec.ts';
import type { Family } from '../../kernel/family.ts';
import type { PolicyMode } from './back-end.ts';
import { iptablesPolicies } from './iptables/index.ts';
import { nftablesPolicies } from './nftables/index.ts';

export const policyModes: readonly PolicyMode[] = [nftablesPolicies, iptablesPolicies];

/** As the Service proxy's: nftables where it is that, or where it is to be the best there is and the machine can do it. */
export async function choosePolicyMode(
  proxyMode: string,
  exec: Exec,
  families: readonly Family[],
): Promise<PolicyMode> {
  if (proxyMode === 'nftables') return nftablesPolicies;
  if (proxyMode !== 'auto') return iptablesPolicies;
  const missing = await Promise.all(families.map((family) => nftablesPolicies.missing(exec, family)));
  return missing.flat().length === 0 ? nftablesPolicies : iptablesPolicies;
}
