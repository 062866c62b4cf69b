/** Whether a node still gives signs of life, and what is written when it does not. Pure, but for its own memory. */
import { findCondition } from '../../api/conditions.ts';
import { formatTime } from '../../api/time.ts';
import type { Node, NodeCondition } from '../../api/types.gen.ts';

/** What a silent node is said not to be known of. */
const watchedConditions = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'];

/** The last sign of life of each node, by our own clock: the nodes' clocks may be wrong. */
export class SignsOfLife {
  readonly #seen = new Map<string, { sign: string; at: number }>();

  /** Notes a heartbeat (lease renewal, status time). The same again is no new sign. Returns whether it was one. */
  note(node: string, source: 'lease' | 'status', time: string | undefined, nowMs: number): boolean {
    const key = `${source} ${node}`;
    const sign = time ?? '';
    if (this.#seen.get(key)?.sign === sign) return false;
    this.#seen.set(key, { sign, at: nowMs });
    return true;
  }

  /** When the node was last heard of, in ms; undefined for never. */
  last(node: string): number | undefined {
    const times = ['lease', 'status'].flatMap((source) => this.#seen.get(`${source} ${node}`)?.at ?? []);
    return times.length === 0 ? undefined : Math.max(...times);
  }

  forget(node: string): void {
    this.#seen.delete(`lease ${node}`);
    this.#seen.delete(`status ${node}`);
  }
}

/** The conditions of a node that has been silent for too long; the same array when they say so already. */
export function silentConditions(node: Node, now: Date): readonly NodeCondition[] {
  const current = node.status?.conditions ?? [];
  const time = formatTime(now);
  const isTold = watchedConditions.every((type) => findCondition(current, type)?.status === 'Unknown');
  if (isTold) return current;
  const changed = current.map((condition) =>
    watchedConditions.includes(condition.type) && condition.status !== 'Unknown'
      ? {
          ...condition,
          status: 'Unknown',
          reason: 'NodeStatusUnknown',
          message: 'Kubelet stopped posting node status.',
          lastTransitionTime: time,
        }
      : condition,
  );
  const missing = watchedConditions.filter((type) => findCondition(current, type) === undefined);
  const created = node.metadata.creationTimestamp ?? time;
  return [
    ...changed,
    ...missing.map((type) => ({
      type,
      status: 'Unknown',
      reason: 'NodeStatusNeverUpdated',
      message: 'Kubelet never posted node status.',
      lastHeartbeatTime: created,
      lastTransitionTime: time,
    })),
  ];
}

/** The status of the Ready condition; undefined when the node never told. */
export function readyStatus(node: Node): string | undefined {
  return findCondition(node.status?.conditions, 'Ready')?.status;
}
