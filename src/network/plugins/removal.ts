/** A node that leaves its cluster: links that somebody else's plugins made are given back to them, whatever the configuration says now. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Exec } from '../../kernel/exec.ts';
import type { NodeRemoval } from '../node-removal.ts';
import { netnsOf, openAttachments, type Attachments } from './attachments.ts';
import { PluginChain, PluginError } from './chain.ts';
import { takeAway } from './take-away.ts';

export interface PluginRemovalOptions {
  readonly exec: Exec;
  /** As the agent had it. */
  readonly binDirs: readonly string[];
  /** As the agent had it; a node that never called a plugin has none. */
  readonly stateDir: string;
}

/** Nothing happens before a function is called. What rejects names the file that tells of the pod: without it nobody is asked. */
export function createPluginRemoval({ exec, binDirs, stateDir }: PluginRemovalOptions): NodeRemoval {
  const chain = new PluginChain(exec, binDirs);
  let opened: Promise<Attachments> | undefined;
  const open = async (): Promise<Attachments | undefined> => {
    if (opened === undefined && !existsSync(stateDir)) return undefined;
    return (opened ??= openAttachments(stateDir, (path) => {
      throw new PluginError(`${path}: what CNI plugins were asked cannot be read: undo it by hand and delete the file`);
    }));
  };
  const remove = async (attachments: Attachments, name: string): Promise<void> => {
    const kept = attachments.get(name);
    if (kept === undefined) return;
    await takeAway({ exec, chain, attachments }, name).catch((cause: unknown) => {
      const { namespace, name: pod } = kept.pod;
      const why = cause instanceof Error ? cause.message : String(cause);
      const path = join(stateDir, `${name}.json`);
      throw new PluginError(`${namespace}/${pod}: ${why}: mend it, or delete ${path} and what it tells of`, { cause });
    });
  };
  return {
    tearDown: async (pod) => {
      const attachments = await open();
      if (attachments !== undefined) await remove(attachments, netnsOf(attachments, pod));
    },
    removeAll: async () => {
      const attachments = await open();
      for (const [name] of attachments?.all() ?? []) if (attachments !== undefined) await remove(attachments, name);
    },
  };
}
