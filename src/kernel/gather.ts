/** Work that costs the same for one as for many: what is asked for while it runs is done together next. */

/**
 * The first item starts the work in the same turn of the event loop; items that come meanwhile share one later run. Each
 * promise settles as the run its item was in.
 */
export function createGatherer<T>(work: (items: readonly T[]) => Promise<void>): (item: T) => Promise<void> {
  let running: Promise<void> = Promise.resolve();
  let next: { readonly items: T[]; readonly done: Promise<void> } | undefined;
  return (item) => {
    if (next === undefined) {
      const items: T[] = [];
      const done = running
        .catch(() => undefined)
        // One turn later, so that callers of this turn come along.
        .then(() => new Promise((resolve) => setImmediate(resolve)))
        .then(() => {
          next = undefined;
          return work(items);
        });
      running = done;
      next = { items, done };
    }
    next.items.push(item);
    return next.done;
  };
}
