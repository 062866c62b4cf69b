/** Services through a process, in turn, as the first kube-proxy had it: to see the difference. */
import type { Change } from '../../kernel/change.ts';
import type { Exec } from '../../kernel/exec.ts';
import type { Family } from '../../kernel/family.ts';
import type { Mode } from '../back-end.ts';
import { iptablesMode } from '../iptables/index.ts';
import { createUserspaceBackEnd } from './back-end.ts';
import { findRelay } from './relay-client.ts';
import { removeRelayAddress } from './relay-link.ts';

/** It listens no more for this family; what it carries goes on, and with the last connection it ends. Its address goes with the next start. */
async function cleanUp(exec: Exec, family: Family): Promise<readonly Change[]> {
  const relay = await findRelay(exec);
  if (relay === undefined) {
    const removed = await removeRelayAddress(exec, family);
    return removed ? [{ action: 'delete', object: 'relay address', reason: 'no relay runs' }] : [];
  }
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
  missing: (exec, family) => iptablesMode.missing(exec, family),
  create: createUserspaceBackEnd,
  cleanUp,
};
