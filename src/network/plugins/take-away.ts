/** Undoes one pod: its plugins first, by what was kept of it, then the namespace that was made for them. */
import type { Exec } from '../../kernel/exec.ts';
import { isMissing, runIpBatch } from '../../kernel/ip.ts';
import { listNetns } from '../../kernel/netns.ts';
import type { Attachments } from './attachments.ts';
import { PluginError, type PluginChain } from './chain.ts';

export interface PluginGround {
  readonly exec: Exec;
  readonly chain: PluginChain;
  readonly attachments: Attachments;
}

/** `name`: of the namespace. Resolves also when nothing was there. Rejects with a PluginError; what was kept is then kept for the next try. */
export async function takeAway({ exec, chain, attachments }: PluginGround, name: string): Promise<void> {
  const kept = attachments.get(name);
  if (kept !== undefined) {
    const isThere = (await listNetns(exec)).includes(name);
    await chain.remove({ ...kept.attachment, netns: isThere ? kept.attachment.netns : '' }, kept.result);
  }
  const failures = await runIpBatch(exec, [`netns delete ${name}`]);
  const real = failures.find((failure) => !isMissing(failure));
  if (real !== undefined) throw new PluginError(`namespace ${name}: ${real.message}`);
  await attachments.delete(name);
}
