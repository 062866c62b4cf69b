/** Where an agent on somebody else's CNI plugins keeps what it asked of them. */
import { join } from 'node:path';
import type { AgentArguments } from './commands/agent.ts';

export function pluginState({ 'state-dir': folder }: Pick<AgentArguments, 'state-dir'>): string {
  return join(folder, 'cni');
}
