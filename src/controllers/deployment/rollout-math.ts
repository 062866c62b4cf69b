/** The arithmetic of rollouts: how many replicas where. Pure numbers. */
import type { Deployment, IntOrString } from '../../api/types.gen.ts';

/** `3` → 3; `'25%'` of `total`, rounded up or down. Anything else counts as 0. */
export function scaledValue(value: IntOrString | undefined, total: number, roundUp: boolean): number {
  if (value === undefined) return 0;
  if (typeof value === 'number') return value;
  const match = /^(\d+)(%?)$/.exec(value);
  if (match?.[1] === undefined) return 0;
  if (match[2] === '') return Number(match[1]);
  const exact = (Number(match[1]) * total) / 100;
  return roundUp ? Math.ceil(exact) : Math.floor(exact);
}

/** How far a rollout may go from the wished count, up and down. */
export interface Fenceposts {
  readonly maxSurge: number;
  readonly maxUnavailable: number;
}

/** For RollingUpdate; with any other strategy both are 0. Never both 0 while rolling, or nothing could ever move. */
export function fenceposts(deployment: Deployment): Fenceposts {
  const replicas = deployment.spec?.replicas ?? 1;
  const strategy = deployment.spec?.strategy;
  if (strategy?.type !== 'RollingUpdate') return { maxSurge: 0, maxUnavailable: 0 };
  const maxSurge = scaledValue(strategy.rollingUpdate?.maxSurge, replicas, true);
  const unavailable = scaledValue(strategy.rollingUpdate?.maxUnavailable, replicas, false);
  const maxUnavailable = maxSurge === 0 && unavailable === 0 ? 1 : unavailable;
  return { maxSurge, maxUnavailable: Math.min(maxUnavailable, replicas) };
}

/** One ReplicaSet in numbers. */
export interface Size {
  /** What its spec asks for. */
  readonly replicas: number;
  /** What its status reports. */
  readonly available: number;
}

/** How many replicas the new ReplicaSet should have now: as many as the surge leaves room for. */
export function newReplicaSetSize(wished: number, maxSurge: number, total: number, current: number): number {
  if (current >= wished) return wished;
  const room = Math.max(0, wished + maxSurge - total);
  return Math.min(wished, current + room);
}

/**
 * The sizes of the old ReplicaSets (oldest first) after one step down. Replicas that do not run go first: taking them away
 * costs no availability; what remains may go as far as the new ones have become available.
 */
export function scaleDownOld(wished: number, maxUnavailable: number, newest: Size, old: readonly Size[]): number[] {
  const sizes = old.map((each) => each.replicas);
  const minAvailable = wished - maxUnavailable;
  const total = newest.replicas + sum(sizes);
  const newUnavailable = newest.replicas - newest.available;
  let budget = total - minAvailable - newUnavailable;
  if (budget <= 0) return sizes;
  old.forEach((each, index) => {
    const cut = Math.max(0, Math.min(budget, each.replicas - each.available));
    sizes[index] = each.replicas - cut;
    budget -= cut;
  });
  let spare = newest.available + sum(old.map((each) => each.available)) - minAvailable;
  sizes.forEach((size, index) => {
    const cut = Math.max(0, Math.min(spare, size));
    sizes[index] = size - cut;
    spare -= cut;
  });
  return sizes;
}

/** A ReplicaSet that takes part in proportional scaling. */
export interface Share {
  readonly replicas: number;
  /** `replicas + maxSurge` of the Deployment when this ReplicaSet was last sized; 0 when not known. */
  readonly maxReplicasBefore: number;
}

/**
 * Spreads a change of the wished count over several active ReplicaSets in proportion to their sizes, so that a rollout
 * under way keeps its balance. `shares` come largest first; what rounding leaves over goes to the first.
 */
export function proportionalSizes(
  wished: number,
  maxSurge: number,
  statusReplicas: number,
  shares: readonly Share[],
): number[] {
  const allowed = wished > 0 ? wished + maxSurge : 0;
  const toAdd = allowed - sum(shares.map((share) => share.replicas));
  if (toAdd === 0) return shares.map((share) => share.replicas);
  let added = 0;
  const sizes = shares.map((share) => {
    const part = proportion(share, wished, maxSurge, statusReplicas, toAdd, added);
    added += part;
    return share.replicas + part;
  });
  if (sizes[0] !== undefined) sizes[0] = Math.max(0, sizes[0] + toAdd - added);
  return sizes;
}

function proportion(
  share: Share,
  wished: number,
  maxSurge: number,
  statusReplicas: number,
  toAdd: number,
  added: number,
): number {
  if (share.replicas === 0 || toAdd === added) return 0;
  const fraction = shareOf(share, wished, maxSurge, statusReplicas);
  return toAdd > 0 ? Math.min(fraction, toAdd - added) : Math.max(fraction, toAdd - added);
}

function shareOf(share: Share, wished: number, maxSurge: number, statusReplicas: number): number {
  if (wished === 0) return -share.replicas;
  const before = share.maxReplicasBefore === 0 ? statusReplicas : share.maxReplicasBefore;
  if (before === 0) return 0;
  return Math.round((share.replicas * (wished + maxSurge)) / before) - share.replicas;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
