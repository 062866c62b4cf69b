/** Whose turn it is: round robin, and a client that stays with its target where that is asked for. Pure. */
import type { Target } from './protocol.ts';

const maxClients = 10_000;
const same = (a: Target, b: Target): boolean => a.ip === b.ip && a.port === b.port;

export class Chooser {
  #targets: readonly Target[] = [];
  #turn = 0;
  #affinityMs = 0;
  readonly #clients = new Map<string, { readonly target: Target; readonly at: number }>();

  /** A target that went is forgotten by its clients at once. */
  set(targets: readonly Target[], affinitySeconds: number | undefined): void {
    this.#targets = targets;
    this.#affinityMs = (affinitySeconds ?? 0) * 1000;
    for (const [client, { target }] of this.#clients) if (!this.has(target)) this.#clients.delete(client);
  }

  has(target: Target): boolean {
    return this.#targets.some((one) => same(one, target));
  }

  /** Every target once, in the order to try: whose turn it is comes first. */
  order(client: string, now: number): readonly Target[] {
    if (this.#targets.length === 0) return [];
    const start = this.#turn % this.#targets.length;
    const inTurn = [...this.#targets.slice(start), ...this.#targets.slice(0, start)];
    const known = this.#clients.get(client);
    if (known !== undefined && now - known.at < this.#affinityMs)
      return [known.target, ...inTurn.filter((one) => !same(one, known.target))];
    this.#turn = start + 1;
    return inTurn;
  }

  /** This client is served by this target now. */
  keep(client: string, target: Target, now: number): void {
    // A connection may have begun before the target went.
    if (this.#affinityMs === 0 || !this.has(target)) return;
    this.#clients.delete(client);
    this.#clients.set(client, { target, at: now });
    const oldest = this.#clients.size > maxClients ? this.#clients.keys().next().value : undefined;
    if (oldest !== undefined) this.#clients.delete(oldest);
  }
}
