/**
 * Dispatch by address. A chain is walked rule by rule, so a flat list costs every new connection a step a Service. A radix
 * tree of chains keeps it short: a chain with more than a few addresses leads on by the next four bits.
 */
import { formatCIDR, parseIP } from '../../api/addresses.ts';
import type { Family } from '../../kernel/family.ts';
import { comment } from '../../kernel/iptables.ts';
import type { DesiredChain } from '../../kernel/plan-iptables.ts';

/** The rules for one address. */
export interface AddressRules {
  readonly address: string;
  readonly rules: readonly string[];
}

export interface DispatchOptions {
  readonly family: Family;
  /** Chain at the top. */
  readonly top: string;
  /** Begins the name of every chain below: `PW-AT-` + `10.46.16.0/20`, 24 characters at most in IPv4. */
  readonly prefix: string;
  readonly about: string;
}

/** Addresses that a chain lists one by one at most. */
const leafSize = 16;
/** Bits by which a fuller chain leads on. */
const stride = 4;

interface Entry extends AddressRules {
  readonly value: bigint;
}

/** Bits that all values share, from the top. */
function sharedBits(entries: readonly Entry[], bits: number): number {
  const first = entries[0]?.value ?? 0n;
  const differing = entries.reduce((seen, { value }) => seen | (value ^ first), 0n);
  return bits - (differing === 0n ? 0 : differing.toString(2).length);
}

/** Fills `into` with the tree below `top`; the same addresses always give the same chains. */
export function planDispatch(
  addresses: readonly AddressRules[],
  { family, top, prefix, about }: DispatchOptions,
): ReadonlyMap<string, DesiredChain> {
  const chains = new Map<string, DesiredChain>();
  const entries = addresses
    .map((one): Entry => ({ ...one, value: parseIP(one.address)?.value ?? 0n }))
    .sort((a, b) => (a.value < b.value ? -1 : a.value > b.value ? 1 : 0));
  const place = (name: string, range: string, members: readonly Entry[]): void => {
    const shared = sharedBits(members, family.bits);
    if (members.length <= leafSize || shared === family.bits) {
      chains.set(name, { rules: members.flatMap(({ rules }) => rules), about: `${about} in ${range}` });
      return;
    }
    const length = Math.min(Math.floor(shared / stride) * stride + stride, family.bits);
    const groups = Map.groupBy(members, ({ value }) => value >> BigInt(family.bits - length));
    const rules: string[] = [];
    for (const [high, group] of groups) {
      const base = high << BigInt(family.bits - length);
      const cidr = formatCIDR({ family: family.version, base, prefixLength: length });
      place(`${prefix}${cidr}`, cidr, group);
      rules.push(`-d ${cidr} ${comment(`${about} in ${cidr}`)} -j ${prefix}${cidr}`);
    }
    chains.set(name, { rules, about: `${about}, by address` });
  };
  place(top, 'every range', entries);
  return chains;
}
