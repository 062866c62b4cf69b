/** Forgets the flows of addresses that are going to belong to somebody else. */
import { deleteFlows, listFlows, type Flow, type FlowFilter } from '../kernel/conntrack.ts';
import type { Exec } from '../kernel/exec.ts';

export interface FlowSweeper {
  /** Deletes every flow from, to, or translated to the address. Calls while a sweep runs share the next. */
  forget(ip: string): Promise<void>;
}

function filtersFor(ip: string, flows: readonly Flow[]): FlowFilter[] {
  const has = (of: (flow: Flow) => string): boolean => flows.some((flow) => of(flow) === ip);
  return [
    ...(has(({ original }) => original.source) ? [{ originalSource: ip }] : []),
    ...(has(({ original }) => original.destination) ? [{ originalDestination: ip }] : []),
    ...(has(({ reply }) => reply.source) ? [{ replySource: ip }] : []),
  ];
}

export function createFlowSweeper(exec: Exec): FlowSweeper {
  let current: Promise<void> | undefined;
  let next: { readonly ips: Set<string>; readonly done: Promise<void> } | undefined;
  const sweep = async (ips: ReadonlySet<string>): Promise<void> => {
    // One listing for all of them: the kernel walks its whole table for each deletion.
    const flows = await listFlows(exec);
    for (const ip of ips) for (const filter of filtersFor(ip, flows)) await deleteFlows(exec, filter);
  };
  const begin = (ips: Set<string>): Promise<void> => {
    const done = (current ?? Promise.resolve())
      .catch(() => undefined)
      .then(() => {
        next = undefined;
        return sweep(ips);
      });
    current = done;
    return done;
  };
  return {
    forget: (ip) => {
      if (next === undefined) {
        const ips = new Set<string>();
        next = { ips, done: begin(ips) };
      }
      next.ips.add(ip);
      return next.done;
    },
  };
}
