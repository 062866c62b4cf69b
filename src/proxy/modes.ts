/** The modes there are. */
import type { Mode } from './back-end.ts';
import { iptablesMode } from './iptables/index.ts';
import { nftablesMode } from './nftables/index.ts';
import { userspaceMode } from './userspace/index.ts';

export const modes: readonly Mode[] = [iptablesMode, nftablesMode, userspaceMode];
