/**
 * What the owner of pods has asked for and not seen yet. Names of pods are chosen before they are created, so that each
 * expectation is one name and cannot be met by another pod.
 */

interface Expected {
  readonly creates: Set<string>;
  readonly deletes: Set<string>;
  since: number;
}

/** A watch that lost an event must not stop an owner for ever. */
const forgetAfterMs = 5 * 60_000;

export class Expectations {
  readonly #expected = new Map<string, Expected>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Whether everything asked for has been seen: only then does the local copy tell how many pods there are. */
  areMet(owner: string): boolean {
    const expected = this.#expected.get(owner);
    if (expected === undefined) return true;
    if (this.#now() - expected.since > forgetAfterMs) {
      this.#expected.delete(owner);
      return true;
    }
    return false;
  }

  /** A pod of this name is about to be created. */
  expectCreate(owner: string, podName: string): void {
    this.#of(owner).creates.add(podName);
  }

  /** The pod with this UID is about to be deleted. */
  expectDelete(owner: string, podUid: string): void {
    this.#of(owner).deletes.add(podUid);
  }

  /** The pod is there, or will not come. */
  created(owner: string, podName: string): void {
    this.#seen(owner, (expected) => expected.creates.delete(podName));
  }

  /** The pod is going, or stays. */
  deleted(owner: string, podUid: string): void {
    this.#seen(owner, (expected) => expected.deletes.delete(podUid));
  }

  /** The owner itself has gone. */
  forget(owner: string): void {
    this.#expected.delete(owner);
  }

  #of(owner: string): Expected {
    let expected = this.#expected.get(owner);
    if (expected === undefined) {
      expected = { creates: new Set(), deletes: new Set(), since: 0 };
      this.#expected.set(owner, expected);
    }
    expected.since = this.#now();
    return expected;
  }

  #seen(owner: string, remove: (expected: Expected) => boolean): void {
    const expected = this.#expected.get(owner);
    if (expected === undefined) return;
    remove(expected);
    if (expected.creates.size === 0 && expected.deletes.size === 0) this.#expected.delete(owner);
  }
}
