/** Waits until every node of the lab is Ready. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient } from '../api/client.ts';
import { nodes } from '../api/resources.ts';
import type { Node } from '../api/types.gen.ts';

/** What the wait tells as it goes. */
export interface ReadyWait {
  readonly signal: AbortSignal;
  /** When machines were started: what the API remembers from before that does not count for `restarted` nodes. */
  readonly since: Date;
  readonly restarted: readonly string[];
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
    if (isReady(node, wait.restarted.includes(name) ? wait.since : undefined) && missing.delete(name))
      wait.onReady?.(name);
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
    }
    if (missing.size > 0) await sleep(retryMs);
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

/** Heartbeats have whole seconds. */
function isReady(node: Node, since: Date | undefined): boolean {
  const condition = node.status?.conditions?.find(({ type }) => type === 'Ready');
  if (condition?.status !== 'True') return false;
  const heartbeat = Date.parse(condition.lastHeartbeatTime ?? '');
  return since === undefined || heartbeat >= Math.floor(since.getTime() / 1000) * 1000;
}
