/** Services through a process, in turn, as the first kube-proxy had it: to see the difference. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Change } from '../../kernel/change.ts';
import type { Exec } from '../../kernel/exec.ts';
import { ipv4, ipv6, type Family } from '../../kernel/family.ts';
import type { Mode } from '../back-end.ts';
import { iptablesMode } from '../iptables/index.ts';
import { createUserspaceBackEnd } from './back-end.ts';
import { findRelay } from './relay-client.ts';
import { removeRelayAddress } from './relay-link.ts';

/** A relay that carries nothing ends within milliseconds of being told that it serves nobody. */
const endLooks = 10;
const endLookMs = 50;

/** Of both families: it may have served the other one when that was cleaned up. */
async function removeAddresses(exec: Exec): Promise<readonly Change[]> {
  const removed = await Promise.all([ipv4, ipv6].map((family) => removeRelayAddress(exec, family)));
  return removed.includes(true) ? [{ action: 'delete', object: 'relay address', reason: 'no relay runs' }] : [];
}

/** False while it goes on, as it carries something or serves another family. */
async function hasEnded(exec: Exec): Promise<boolean> {
  for (let look = 0; look < endLooks; look += 1) {
    const relay = await findRelay(exec);
    if (relay === undefined) return true;
    relay.close();
    await sleep(endLookMs);
  }
  return false;
}

/**
 * It listens no more for this family; what it carries goes on, and with the last connection it ends. Then its addresses go: now, or where it
 * goes on with the next start.
 */
async function cleanUp(exec: Exec, family: Family): Promise<readonly Change[]> {
  const closed = await closePorts(exec, family);
  return [...closed, ...((await hasEnded(exec)) ? await removeAddresses(exec) : [])];
}

async function closePorts(exec: Exec, family: Family): Promise<readonly Change[]> {
  const relay = await findRelay(exec);
  if (relay === undefined) return [];
  try {
    const ids = Object.keys(await relay.list()).filter(
      (id) => id.endsWith(`/${family.version}`) && !id.startsWith('localhost:'),
    );
    await relay.drop(ids);
    return ids.map((id) => ({ action: 'close', object: `relay ${id}`, reason: 'no rule leads to it any more' }));
  } finally {
    relay.close();
  }
}

export const userspaceMode: Mode = {
  name: 'userspace',
  rulesOf: 'iptables',
  leadsElsewhere: true,
  missing: (exec, family) => iptablesMode.missing(exec, family),
  create: createUserspaceBackEnd,
  cleanUp,
};
