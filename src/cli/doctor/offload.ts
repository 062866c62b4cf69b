/** Links whose checksums arrive wrong: what an agent found with real packets at its start, and switched off, asked of the kernel as it is now. */
import type { Event } from '../../api/types.gen.ts';
import { hasChecksumOffload } from '../../kernel/checksum-offload.ts';
import type { Exec } from '../../kernel/exec.ts';
import { readLinks } from '../../kernel/ip.ts';
import type { Problem } from '../../kernel/preflight.ts';
import { overlayName } from '../../network/names.ts';
import { within, type EnterNode } from './probes.ts';

const brokenReason = 'ChecksumOffloadBroken';

/** Of the machine that `exec` runs on; undefined when all is as the kernel makes it, or there is no tunnel. `found`: what the agent told. */
export async function offloadProblem(exec: Exec, found?: string): Promise<Problem | undefined> {
  const links = await readLinks(exec);
  const tunnel = links.find(({ name }) => name === overlayName);
  if (tunnel === undefined || (await hasChecksumOffload(exec, overlayName))) return undefined;
  const uplink = links.find(({ addresses }) => addresses.some(({ address }) => address === tunnel.vxlan?.local));
  const why =
    found === undefined
      ? `the agent found that they arrive wrong (its Event ${brokenReason} is gone, or somebody else did it)`
      : `the agent tried it with real packets and found: ${found}`;
  const under = uplink === undefined ? 'the link under it' : uplink.name;
  return {
    what: `checksum offload of ${overlayName} is switched off, the kernel writes checksums itself: ${why}`,
    remedy:
      `pods reach each other, at some cost of CPU; the fault is in the driver or the virtual machine's network of ${under}. ` +
      `When that is mended: ip link delete ${overlayName}, and within 30 s the agent makes and tries it anew`,
  };
}

/** A line a node that has something to tell; nodes that cannot be entered have nothing. */
export async function offloadNotes(
  exec: Exec,
  enter: EnterNode,
  nodes: readonly string[],
  events: readonly Event[],
): Promise<readonly string[]> {
  const lines = nodes.map(async (node) => {
    const told = events.findLast(
      ({ reason, involvedObject }) => reason === brokenReason && involvedObject.name === node,
    );
    const problem = await enter(node)
      .then((inside) => offloadProblem(within(exec, inside), told?.message))
      .catch(() => undefined);
    return problem === undefined ? [] : [`node ${node}: ${problem.what}\n    ${problem.remedy}`];
  });
  return (await Promise.all(lines)).flat();
}
