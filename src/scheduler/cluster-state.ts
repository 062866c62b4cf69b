/** All nodes with what is placed on them: what the informers tell, and what has just been decided here. */
import type { Node, Pod } from '../api/types.gen.ts';
import { NodeState } from './node-state.ts';

const hasEnded = (pod: Pod): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';

export class ClusterState {
  readonly #nodes = new Map<string, NodeState>();
  /** UID → node, of all pods that take up room. */
  readonly #placedOn = new Map<string, string>();
  /** Pods on nodes that are not known (yet). */
  readonly #stray = new Map<string, Pod>();

  get nodes(): readonly NodeState[] {
    return [...this.#nodes.values()];
  }

  setNode(node: Node): void {
    const name = node.metadata.name ?? '';
    const before = this.#nodes.get(name);
    const state = new NodeState(node, before);
    this.#nodes.set(name, state);
    if (before !== undefined) return;
    for (const [uid, pod] of this.#stray) {
      if (this.#placedOn.get(uid) !== name) continue;
      this.#stray.delete(uid);
      state.add(uid, pod);
    }
  }

  removeNode(name: string): void {
    const state = this.#nodes.get(name);
    if (state === undefined) return;
    this.#nodes.delete(name);
    for (const pod of state.pods) this.#stray.set(pod.metadata.uid ?? '', pod);
  }

  /** A pod as the API has it; one without a node leaves an assumed place as it is. */
  setPod(pod: Pod): void {
    const node = pod.spec?.nodeName ?? '';
    if (node === '') return;
    if (hasEnded(pod)) this.removePod(pod);
    else this.#put(pod, node);
  }

  /** The pod takes up its room at once, before the API has been told. */
  assume(pod: Pod, node: string): void {
    this.#put(pod, node);
  }

  /** Whether the pod has a place, be it only assumed. */
  isPlaced(pod: Pod): boolean {
    return this.#placedOn.has(pod.metadata.uid ?? '');
  }

  /** The pod has gone or ended, or could not be bound. Returns whether it had a place. */
  removePod(pod: Pod): boolean {
    const uid = pod.metadata.uid ?? '';
    const name = this.#placedOn.get(uid);
    if (name === undefined) return false;
    this.#placedOn.delete(uid);
    this.#stray.delete(uid);
    this.#nodes.get(name)?.remove(uid);
    return true;
  }

  #put(pod: Pod, node: string): void {
    const uid = pod.metadata.uid ?? '';
    if (this.#placedOn.get(uid) !== node) this.removePod(pod);
    this.#placedOn.set(uid, node);
    const state = this.#nodes.get(node);
    if (state === undefined) this.#stray.set(uid, pod);
    else state.add(uid, pod);
  }
}
