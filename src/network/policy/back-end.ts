/** How the policy table of one family gets into the kernel: one of two back ends, by the node's proxy mode. */
import type { Logger } from '../../api/logger.ts';
import type { Change } from '../../kernel/change.ts';
import type { Exec } from '../../kernel/exec.ts';
import type { Family } from '../../kernel/family.ts';
import type { OnTouched } from '../../kernel/touch-watch.ts';
import type { Direction, PolicyChanges, PolicyTable } from './model/table.ts';

export interface PolicyBackEndOptions {
  readonly exec: Exec;
  readonly family: Family;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Packets of one sort that were dropped lately. */
export interface DroppedFlow {
  readonly direction: Direction;
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  readonly port: number;
  readonly packets: number;
}

export interface Drops {
  /** Packets dropped since the profile is there, by its name. */
  readonly byProfile: ReadonlyMap<string, number>;
  /** The latest, with their ends; bounded, so not always all. */
  readonly flows: readonly DroppedFlow[];
}

/** Never called twice at a time. What the kernel has and is right is taken over as it is. */
export interface PolicyBackEnd {
  /** `changes` undefined: nobody knows what the kernel has. Rejects when the kernel refused: the next call is without changes. */
  sync(table: PolicyTable, changes: PolicyChanges | undefined): Promise<readonly Change[]>;
  /** Reads the kernel and puts it right: what comes back is what somebody else changed. Nothing after a failed sync. */
  audit(): Promise<readonly Change[]>;
  /** Calls back when the kernel tells that somebody else touched what is ours. */
  watch(onTouched: OnTouched): void;
  readDrops(): Promise<Drops>;
}

export interface PolicyMode {
  readonly name: 'nftables' | 'iptables';
  /** What this machine lacks for it, each with what to do. */
  missing(exec: Exec, family: Family): Promise<readonly string[]>;
  create(options: PolicyBackEndOptions): PolicyBackEnd;
  /** Takes away all of it: for a node that changed its mode. */
  cleanUp(exec: Exec, family: Family): Promise<readonly Change[]>;
}

/** Whether nobody is isolated: then the kernel holds nothing of ours. */
export function isEmptyTable({ isolated }: PolicyTable): boolean {
  return isolated.ingress.size === 0 && isolated.egress.size === 0;
}
