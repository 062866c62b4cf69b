/** Answers to questions that were asked before, as bytes. Bounded: what was not asked for lately goes. */
import type { Freshness } from './change-stamps.ts';

export interface Remembered {
  /** The same answer with its records in turn. */
  readonly messages: readonly Buffer[];
  readonly rcode: number;
  readonly type: number;
  readonly slot: number;
  readonly stamp: number;
  next: number;
}

/** Of each of two generations. */
const capacity = 16_384;

export class AnswerMemory {
  readonly #freshness: Freshness;
  #young = new Map<string, Remembered>();
  #old = new Map<string, Remembered>();
  #epoch = -1;

  constructor(freshness: Freshness) {
    this.#freshness = freshness;
  }

  get(key: string): Remembered | undefined {
    this.#forgetAfterEpoch();
    const young = this.#young.get(key);
    const entry = young ?? this.#old.get(key);
    if (entry === undefined || this.#freshness.stamp(entry.slot) !== entry.stamp) return undefined;
    if (young === undefined) this.#keep(key, entry);
    return entry;
  }

  /** `service`: `namespace/name` of the one that the answer is about. */
  put(key: string, service: string | undefined, answer: Pick<Remembered, 'messages' | 'rcode' | 'type'>): void {
    this.#forgetAfterEpoch();
    const slot = this.#freshness.slotOf(service);
    this.#keep(key, { ...answer, slot, stamp: this.#freshness.stamp(slot), next: 1 % answer.messages.length });
  }

  #keep(key: string, entry: Remembered): void {
    if (this.#young.size >= capacity) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, entry);
  }

  #forgetAfterEpoch(): void {
    const epoch = this.#freshness.epoch();
    if (epoch === this.#epoch) return;
    this.#young.clear();
    this.#old.clear();
    this.#epoch = epoch;
  }
}
