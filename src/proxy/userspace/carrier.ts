/** Somebody who listens and carries what comes to its targets: TCP or UDP. */
import type { Target } from './protocol.ts';

export interface Carrier {
  readonly port: number;
  /** Established connections stay with the target that they have; datagrams go to others when theirs went. */
  retarget(targets: readonly Target[], affinitySeconds: number | undefined): void;
  /** Listens no more; what is carried goes on to its end. */
  close(): void;
}

/** How much one relay carries at once: each connection is two descriptors. */
export interface Load {
  open: number;
  readonly limit: number;
  /** Called when `open` becomes less. */
  onLess: () => void;
}

/** True when there was room; call `release` once for it. */
export function take(load: Load): boolean {
  if (load.open >= load.limit) return false;
  load.open += 1;
  return true;
}

export function release(load: Load): void {
  load.open -= 1;
  load.onLess();
}
