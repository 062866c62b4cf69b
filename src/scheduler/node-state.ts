/** What the scheduler knows of one node: the node, and what is placed there. */
import { findCondition } from '../api/conditions.ts';
import type { Node, Pod, Taint } from '../api/types.gen.ts';
import { amountsOf, requestsOf, type Amounts, type HostPort, type Requests } from './requests.ts';

interface Placed {
  readonly pod: Pod;
  readonly requests: Requests;
}

const notReady: Taint = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };

/** A node that is not known to be ready counts as tainted, until the controller has written that down. */
function effectiveTaints(node: Node): readonly Taint[] {
  const taints = node.spec?.taints ?? [];
  if (findCondition(node.status?.conditions, 'Ready')?.status === 'True') return taints;
  return taints.some(({ key, effect }) => key.startsWith('node.kubernetes.io/') && effect === 'NoSchedule')
    ? taints
    : [...taints, notReady];
}

export class NodeState {
  readonly node: Node;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  readonly allocatable: Amounts;
  readonly #placed: Map<string, Placed>;
  readonly #used: Map<string, number>;

  /** `before` is the state of the same node under an older copy: what is placed there is taken over. */
  constructor(node: Node, before?: NodeState) {
    this.node = node;
    this.name = node.metadata.name ?? '';
    this.labels = node.metadata.labels ?? {};
    this.taints = effectiveTaints(node);
    this.allocatable = amountsOf(node.status?.allocatable ?? node.status?.capacity);
    this.#placed = before === undefined ? new Map<string, Placed>() : before.#placed;
    this.#used = before === undefined ? new Map<string, number>() : before.#used;
  }

  get pods(): Iterable<Pod> {
    return this.#podsIterator();
  }

  get podCount(): number {
    return this.#placed.size;
  }

  get hostPorts(): readonly HostPort[] {
    return [...this.#placed.values()].flatMap(({ requests }) => requests.hostPorts);
  }

  used(resource: string): number {
    return this.#used.get(resource) ?? 0;
  }

  /** Places a pod; placed again it takes the place of its older copy. */
  add(uid: string, pod: Pod): void {
    this.remove(uid);
    const placed = { pod, requests: requestsOf(pod) };
    this.#placed.set(uid, placed);
    this.#count(placed, 1);
  }

  remove(uid: string): void {
    const placed = this.#placed.get(uid);
    if (placed === undefined) return;
    this.#placed.delete(uid);
    this.#count(placed, -1);
  }

  *#podsIterator(): Generator<Pod> {
    for (const { pod } of this.#placed.values()) yield pod;
  }

  #count({ requests }: Placed, sign: 1 | -1): void {
    for (const [name, amount] of requests.resources) {
      this.#used.set(name, (this.#used.get(name) ?? 0) + sign * amount);
    }
  }
}
