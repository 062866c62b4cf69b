/** Forgets the flows of addresses that are going to belong to somebody else. */
import { deleteFlows, listFlows, type Flow, type FlowFilter } from '../kernel/conntrack.ts';
import type { Exec } from '../kernel/exec.ts';
import { families, familyOfText, type Family } from '../kernel/family.ts';

function filtersFor(ip: string, family: Family, flows: readonly Flow[]): FlowFilter[] {
  const has = (of: (flow: Flow) => string): boolean => flows.some((flow) => of(flow) === ip);
  return [
    ...(has(({ original }) => original.source) ? [{ family, originalSource: ip }] : []),
    ...(has(({ original }) => original.destination) ? [{ family, originalDestination: ip }] : []),
    ...(has(({ reply }) => reply.source) ? [{ family, replySource: ip }] : []),
  ];
}

/** Deletes every flow from, to, or translated to one of the addresses. */
export async function forgetFlowsOf(exec: Exec, ips: readonly string[]): Promise<void> {
  for (const family of families) {
    const own = ips.filter((ip) => familyOfText(ip) === family);
    if (own.length === 0) continue;
    // One listing for all of them: the kernel walks its whole table for each deletion.
    const flows = await listFlows(exec, { family });
    for (const ip of own) for (const filter of filtersFor(ip, family, flows)) await deleteFlows(exec, filter);
  }
}
