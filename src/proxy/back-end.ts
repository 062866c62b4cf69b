/** What a mode of the proxy is: how the table gets into the kernel. One back end serves one family. */
import type { Logger } from '../api/logger.ts';
import type { Change } from '../kernel/change.ts';
import type { Exec } from '../kernel/exec.ts';
import type { Family } from '../kernel/family.ts';
import type { OnTouched } from '../kernel/touch-watch.ts';
import type { ServiceChange } from './model/table-keeper.ts';
import type { Table } from './model/service-port.ts';

export type { OnTouched } from '../kernel/touch-watch.ts';

export const proxyModes = ['iptables', 'nftables', 'userspace'] as const;
export type ProxyMode = (typeof proxyModes)[number];
/** Asked for in the place of a mode: the fastest that the machine can do. */
export const autoMode = 'auto';
export type WantedMode = ProxyMode | typeof autoMode;
/** What the field takes when nobody says. */
export const defaultProxyMode: ProxyMode = 'iptables';

/** What the rules depend on besides the objects; it does not change while the proxy runs. */
export interface BackEndSettings {
  readonly nodeName: string;
  /** Addresses of all pods of this family: what comes to a cluster IP from elsewhere is masqueraded. Undefined: nothing is known of that. */
  readonly clusterCIDR: string | undefined;
  /** Addresses of the node that node ports listen on, as CIDRs of this family; undefined: every address but loopback's. */
  readonly nodePortAddresses: readonly string[] | undefined;
  /** True where this very process has conntrack take late segments as they come (nf_conntrack_tcp_be_liberal), maybe in a moment. Left out: the kernel is asked. */
  readonly conntrackIsLiberal?: boolean | undefined;
}

export interface BackEndOptions {
  readonly exec: Exec;
  readonly family: Family;
  readonly settings: BackEndSettings;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /**
   * Called by a mode whose rules lead elsewhere than to endpoints, for each change that is in the kernel, also of an audit: in `serving` stands
   * who flows may lead to. Where a mode never calls it, the table says so.
   */
  readonly onLed?: (changes: readonly ServiceChange[]) => void;
  /** What no rule leads to any more could not be removed; it will be tried again. */
  readonly onCleanUpFailed?: () => void;
}

/** The next state of the kernel. */
export interface Wanted {
  readonly table: Table;
  /** What differs from the last `sync` that resolved; undefined when nobody knows: at start and after a failure. */
  readonly changes: readonly ServiceChange[] | undefined;
}

/** How many rules there are in each table of iptables: all of this proxy, and those in the chains that the last sync was about. */
export type RuleCounts = Readonly<Record<string, { readonly total: number; readonly last: number }>>;

/**
 * Never called twice at a time. At its first `sync` it reads what the kernel has and takes over what is right, as it is: nothing is
 * written when nothing changed.
 */
export interface BackEnd {
  /** Resolves when the kernel has it: the changes that were written. Rejects when the kernel refused; nothing is half applied where the kernel can do that. */
  sync(wanted: Wanted): Promise<readonly Change[]>;
  /**
   * Reads the kernel anew and brings it to what was wanted last: what comes back is what somebody else changed, put right
   * already. Nothing before the first `sync` or after a failed one.
   */
  audit(): Promise<readonly Change[]>;
  /**
   * Calls back when the kernel tells that somebody else touched what is ours: an audit is due. Missing where the kernel sends no word.
   */
  watch?(onTouched: OnTouched): void;
  /** Missing where nobody counts rules. */
  rules?(): RuleCounts;
}

/** A mode: rows of a table in `modes.ts`. */
export interface Mode {
  readonly name: ProxyMode;
  /** The mode in whose chains this one writes: on a change between the two they are rewritten, and nothing is taken away. */
  readonly rulesOf?: ProxyMode;
  /** Its rules lead elsewhere than to endpoints: see `onLed`. */
  readonly leadsElsewhere?: true;
  /** What this machine lacks for it, each with what to do; empty: it works. Changes nothing. */
  missing(exec: Exec, family: Family): Promise<readonly string[]>;
  create(options: BackEndOptions): BackEnd;
  /** Takes away everything of this mode that the kernel has, also what another version made: for a node that changed its mode. Established connections go on. */
  cleanUp(exec: Exec, family: Family): Promise<readonly Change[]>;
}
