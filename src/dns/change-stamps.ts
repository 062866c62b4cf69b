/** Which remembered answers are still true: a number for every Service, and one for all of them. No IO. */

export interface Freshness {
  /** Changes when nothing that is remembered holds any longer. */
  epoch(): number;
  /** The place of a Service (`namespace/name`) among the stamps; of an answer that is about none of them: 0. */
  slotOf(service: string | undefined): number;
  /** Changes when what is said about a Service of that place may have changed. */
  stamp(slot: number): number;
}

const slots = 1 << 16;

/**
 * Services share 65,536 stamps by a hash of their names, so that this never grows: two of the same place cost each other an answer
 * that is worked out once more.
 */
export class ChangeStamps {
  readonly #stamps = new Uint32Array(slots);

  slotOf(service: string | undefined): number {
    if (service === undefined) return 0;
    let hash = 0x811c9dc5;
    for (let index = 0; index < service.length; index += 1)
      hash = Math.imul(hash ^ service.charCodeAt(index), 0x01000193);
    return ((hash >>> 0) % (slots - 1)) + 1;
  }

  stamp(slot: number): number {
    return this.#stamps[slot] ?? 0;
  }

  /** Place 0 goes along: what is about no Service may be about any. */
  touch(service: string): void {
    const slot = this.slotOf(service);
    this.#stamps[slot] = this.stamp(slot) + 1;
    this.#stamps[0] = this.stamp(0) + 1;
  }
}
