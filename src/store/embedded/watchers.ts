/** Who listens to which prefix. Events are handed over after their writers have been told, in order of revision. */
import type { StoreEvent } from '../contract.ts';

type Handler = (events: readonly StoreEvent[]) => void;

interface Watcher {
  readonly handler: Handler;
  /** Events up to this revision have been seen, or were not asked for. */
  seen: number;
  ended: boolean;
}

export class Watchers {
  readonly #byPrefix = new Map<string, Set<Watcher>>();
  readonly #onError: (error: unknown) => void;

  /** A handler that throws must not stop the others; `onError` hears of it. */
  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** `backlog` is delivered first; live events count from `seen` on. */
  add(prefix: string, seen: number, backlog: readonly StoreEvent[], handler: Handler): () => void {
    const watcher: Watcher = { handler, seen, ended: false };
    const others = this.#byPrefix.get(prefix);
    if (others === undefined) this.#byPrefix.set(prefix, new Set([watcher]));
    else others.add(watcher);
    // setImmediate calls run in the order they were made: what is committed later comes after the backlog.
    if (backlog.length > 0) setImmediate(() => this.#deliver(watcher, backlog));
    return () => this.#remove(prefix, watcher);
  }

  publish(events: readonly StoreEvent[]): void {
    setImmediate(() => {
      for (const [prefix, watchers] of this.#byPrefix) {
        const mine = events.filter((event) => event.key.startsWith(prefix));
        const last = mine.at(-1);
        if (last === undefined) continue;
        for (const watcher of watchers) this.#deliverNew(watcher, mine, last.revision);
      }
    });
  }

  close(): void {
    for (const watchers of this.#byPrefix.values()) for (const watcher of watchers) watcher.ended = true;
    this.#byPrefix.clear();
  }

  #deliverNew(watcher: Watcher, events: readonly StoreEvent[], last: number): void {
    if (watcher.seen >= last) return;
    const first = (events[0] as StoreEvent).revision;
    const fresh = watcher.seen < first ? events : events.filter((event) => event.revision > watcher.seen);
    watcher.seen = last;
    this.#deliver(watcher, fresh);
  }

  #deliver(watcher: Watcher, events: readonly StoreEvent[]): void {
    if (watcher.ended) return;
    try {
      watcher.handler(events);
    } catch (error) {
      this.#onError(error);
    }
  }

  #remove(prefix: string, watcher: Watcher): void {
    watcher.ended = true;
    const watchers = this.#byPrefix.get(prefix);
    watchers?.delete(watcher);
    if (watchers?.size === 0) this.#byPrefix.delete(prefix);
  }
}
