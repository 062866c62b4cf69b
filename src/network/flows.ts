/** Forgets the flows of addresses that are going to belong to somebody else. */
import { deleteFlows, listFlows, type Flow, type FlowFilter } from '../kernel/conntrack.ts';
import type { Exec } from '../kernel/exec.ts';

function filtersFor(ip: string, flows: readonly Flow[]): FlowFilter[] {
  const has = (of: (flow: Flow) => string): boolean => flows.some((flow) => of(flow) === ip);
  return [
    ...(has(({ original }) => original.source) ? [{ originalSource: ip }] : []),
    ...(has(({ original }) => original.destination) ? [{ originalDestination: ip }] : []),
    ...(has(({ reply }) => reply.source) ? [{ replySource: ip }] : []),
  ];
}

/** Deletes every flow from, to, or translated to one of the addresses. */
export async function forgetFlowsOf(exec: Exec, ips: readonly string[]): Promise<void> {
  if (ips.length === 0) return;
  // One listing for all of them: the kernel walks its whole table for each deletion.
  const flows = await listFlows(exec);
  for (const ip of ips) for (const filter of filtersFor(ip, flows)) await deleteFlows(exec, filter);
}
