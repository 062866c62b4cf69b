/** Which changes of a node may make room for a pod that had none. Pure. */
import { findCondition } from '../api/conditions.ts';
import type { Node } from '../api/types.gen.ts';

/** All of a node that filters look at. Heartbeats are not. */
function facts({ metadata, spec, status }: Node): string {
  return JSON.stringify([
    metadata.labels,
    spec?.taints,
    spec?.unschedulable,
    status?.allocatable,
    findCondition(status?.conditions, 'Ready')?.status,
  ]);
}

/** A new node, or one of which something has changed that filters look at. */
export function mayHelp(node: Node, previous: Node | undefined): boolean {
  return previous === undefined || facts(node) !== facts(previous);
}
