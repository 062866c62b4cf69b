/** Which modes there are on paper. */
import type { CaseMode } from '../../../test/cases/packet-case.ts';
import { paperIptables } from './paper-iptables.ts';
import type { PaperMode } from './paper-mode.ts';
import { paperNftables } from './paper-nftables.ts';

/** Undefined with a reason: the cases of that mode are skipped on paper, loudly. */
export const paperModes: Readonly<Partial<Record<CaseMode, PaperMode | { readonly missing: string }>>> = {
  // Both variants load the same text.
  'iptables-nft': paperIptables,
  nftables: paperNftables,
  userspace: { missing: 'the userspace back end is not there yet' },
};
