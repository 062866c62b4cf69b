/** Waits until every node of the lab is Ready. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient } from '../api/client.ts';
import { nodes } from '../api/resources.ts';
import type { Node } from '../api/types.gen.ts';

/** What the wait tells as it goes. */
export interface ReadyWait {
  readonly signal: AbortSignal;
  /** The API server answered for the first time. */
  onAnswer?(): void;
  /** A node became Ready. */
  onReady?(name: string): void;
}

const retryMs = 20;

/** The nodes that are not Ready when `signal` ends the wait; none when all are. */
export async function waitForNodes(client: ApiClient, names: readonly string[], wait: ReadyWait): Promise<string[]> {
  const missing = new Set(names);
  const see = (node: Node): void => {
    const name = node.metadata.name ?? '';
    if (isReady(node) && missing.delete(name)) wait.onReady?.(name);
  };
  let answered = false;
  while (missing.size > 0 && !wait.signal.aborted) {
    try {
      const list = await client.list(nodes);
      if (!answered) wait.onAnswer?.();
      answered = true;
      list.items.forEach(see);
      if (missing.size > 0) await watchUntil(client, list.metadata.resourceVersion ?? '', see, missing, wait.signal);
    } catch {
      // Not up yet, or the watch is too old: list again.
      await sleep(retryMs);
    }
  }
  return [...missing];
}

async function watchUntil(
  client: ApiClient,
  resourceVersion: string,
  see: (node: Node) => void,
  missing: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<void> {
  for await (const event of client.watch(nodes, { resourceVersion, signal })) {
    if (event.type === 'ADDED' || event.type === 'MODIFIED') see(event.object);
    if (missing.size === 0) return;
  }
}

/** A node that an older agent called Ready counts only while its lease is kept: the node lifecycle controller sees to that. */
function isReady(node: Node): boolean {
  return node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}
