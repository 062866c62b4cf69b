/**
 * What a mode does not do yet. Each row is the truth: a case that is named here and passes fails the run ("unexpected pass"), so
 * that the list gets shorter with the code and never lies.
 */
import type { CaseMode } from './packet-case.ts';

export interface Pending {
  /** On paper, with real packets, or both. */
  readonly where: 'paper' | 'wire' | 'both';
  readonly why: string;
  /** Names of cases. */
  readonly cases: readonly string[];
}

const loopback = inBoth('node port: on loopback where asked', 'node port: datagrams on loopback where asked');
const noRelay: Pending = {
  where: 'paper',
  why: 'node ports on loopback are a relay, not rules',
  cases: loopback,
};

export const pending: Readonly<Record<CaseMode, readonly Pending[]>> = {
  'iptables-nft': [noRelay],
  'iptables-legacy': [noRelay],
  nftables: [noRelay],
  userspace: [],
};

/** The case in both families. */
function inBoth(...names: readonly string[]): string[] {
  return names.flatMap((name) => [`${name} (ipv4)`, `${name} (ipv6)`]);
}

/** Why this case is expected to fail there; undefined when it must pass. */
export function pendingReason(mode: CaseMode, where: 'paper' | 'wire', name: string): string | undefined {
  return pending[mode].find((row) => (row.where === 'both' || row.where === where) && row.cases.includes(name))?.why;
}
