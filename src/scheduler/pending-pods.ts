/** Pods that wait for a place: those to be tried now, and those for which there was none. Pure memory. */
import type { Pod } from '../api/types.gen.ts';

interface Waiting {
  readonly pod: Pod;
  readonly order: number;
}

export class PendingPods {
  readonly #active = new Map<string, Waiting>();
  readonly #unschedulable = new Map<string, Waiting>();
  #counter = 0;

  get hasActive(): boolean {
    return this.#active.size > 0;
  }

  /** A pod that is new, or changed such that it may fit now. It keeps its place in the row. */
  add(key: string, pod: Pod): void {
    const known = this.#active.get(key) ?? this.#unschedulable.get(key);
    this.#unschedulable.delete(key);
    this.#active.set(key, { pod, order: known?.order ?? this.#counter++ });
  }

  /** A newer copy of a waiting pod. One for which there was no place is tried again only when it asks for something else. */
  refresh(key: string, pod: Pod): void {
    const waiting = this.#unschedulable.get(key);
    if (waiting !== undefined && asksTheSame(waiting.pod, pod)) this.#unschedulable.set(key, { ...waiting, pod });
    else this.add(key, pod);
  }

  remove(key: string): void {
    this.#active.delete(key);
    this.#unschedulable.delete(key);
  }

  /** The next to try: highest priority first, then who came first. It is not waiting any more. */
  take(): { key: string; pod: Pod } | undefined {
    let first: { key: string; waiting: Waiting } | undefined;
    for (const [key, waiting] of this.#active) {
      if (first === undefined || isBefore(waiting, first.waiting)) first = { key, waiting };
    }
    if (first === undefined) return undefined;
    this.#active.delete(first.key);
    return { key: first.key, pod: first.waiting.pod };
  }

  /** There was no place; it waits until something changes. */
  setUnschedulable(key: string, pod: Pod): void {
    this.#unschedulable.set(key, { pod, order: this.#counter++ });
  }

  /** Something changed that may help: all are tried again. Returns whether there are any. */
  retryAll(): boolean {
    if (this.#unschedulable.size === 0) return false;
    for (const [key, waiting] of this.#unschedulable) this.#active.set(key, waiting);
    this.#unschedulable.clear();
    return true;
  }
}

function isBefore(a: Waiting, b: Waiting): boolean {
  const difference = (b.pod.spec?.priority ?? 0) - (a.pod.spec?.priority ?? 0);
  return difference === 0 ? a.order < b.order : difference < 0;
}

function asksTheSame(a: Pod, b: Pod): boolean {
  const asked = ({ metadata: { uid, labels }, spec }: Pod): string => JSON.stringify([uid, labels, spec]);
  return asked(a) === asked(b);
}
