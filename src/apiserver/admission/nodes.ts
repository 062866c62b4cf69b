/** A new node takes no pods before it has said that it is ready; the node lifecycle controller takes the taint away. */
import type { Node } from '../../api/types.gen.ts';

const NOT_READY = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };

/** Taints a new node. */
export function withNotReadyTaint(node: Node): void {
  const spec = (node.spec ??= {});
  const taints = spec.taints ?? [];
  if (taints.some(({ key, effect }) => key === NOT_READY.key && effect === NOT_READY.effect)) return;
  spec.taints = [...taints, { ...NOT_READY }];
}
