/** Many writes that would all fail for the same reason should fail once. */

/**
 * Runs `work` for each item, 1 at first, then 2, 4, 8 … at the same time; stops after a batch with a failure. Returns the
 * items that were never tried and the first error.
 */
export async function slowStart<T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
): Promise<{ readonly skipped: readonly T[]; readonly error: unknown }> {
  let start = 0;
  for (let size = 1; start < items.length; size *= 2) {
    const batch = items.slice(start, start + size);
    const results = await Promise.allSettled(batch.map((item) => work(item)));
    start += batch.length;
    const failure = results.find((result) => result.status === 'rejected');
    if (failure !== undefined) return { skipped: items.slice(start), error: failure.reason };
  }
  return { skipped: [], error: undefined };
}
