/** The back end: rules lead to the relay's ports, and the relay is told who is behind them. */
import type { Change } from '../../kernel/change.ts';
import type { BackEnd, BackEndOptions, OnTouched, Wanted } from '../back-end.ts';
import { iptablesMode } from '../iptables/index.ts';
import type { ServicePort, Table } from '../model/service-port.ts';
import type { ServiceChange } from '../model/table-keeper.ts';
import type { Backend } from './protocol.ts';
import { openRelay, type RelayClient } from './relay-client.ts';
import { addRelayAddress } from './relay-link.ts';
import { backendsOf, flowsOf, relayed } from './relayed-table.ts';

type Keys = readonly string[];

class UserspaceBackEnd implements BackEnd {
  readonly #options: BackEndOptions;
  /** The rules are those of iptables, over a table in which the relay stands behind every port. */
  readonly #rules: BackEnd;
  readonly #table = new Map<string, readonly ServicePort[]>();
  /** Whom flows may lead to, as it was told last. */
  readonly #led = new Map<string, readonly ServicePort[]>();
  readonly #backends = new Map<string, readonly Backend[]>();
  readonly #ports = new Map<string, number>();
  #relay: RelayClient | undefined;
  #wanted: Table | undefined;
  #onTouched: OnTouched = () => undefined;

  constructor(options: BackEndOptions) {
    this.#options = options;
    this.#rules = iptablesMode.create(options);
  }

  async sync({ table, changes }: Wanted): Promise<readonly Change[]> {
    this.#wanted = undefined;
    const fresh = await this.#connect();
    const written = await this.#write(table, fresh ? undefined : changes?.map(({ key }) => key));
    this.#wanted = table;
    return written;
  }

  /** A relay that ended has taken its ports along: another one, and rules that lead to it. */
  async audit(): Promise<readonly Change[]> {
    const table = this.#wanted;
    if (table === undefined) return [];
    const restarted: Change[] = [];
    if (await this.#connect()) {
      const changes = await this.#write(table, undefined);
      restarted.push(
        { action: 'restart', object: 'relay', reason: 'it had ended, and what it carried with it' },
        ...changes,
      );
    }
    return [...restarted, ...(await this.#rules.audit())];
  }

  watch(onTouched: OnTouched): void {
    this.#onTouched = onTouched;
    this.#rules.watch?.(onTouched);
  }

  /** True when what runs is not what was spoken to before. */
  async #connect(): Promise<boolean> {
    if (this.#relay?.lost === false) return false;
    const { exec, family, signal } = this.#options;
    await addRelayAddress(exec, family);
    const relay = await openRelay(exec, () => void (signal.aborted ? undefined : this.#onTouched()));
    signal.addEventListener('abort', () => relay.close(), { once: true });
    this.#relay = relay;
    this.#ports.clear();
    return true;
  }

  /** First the relay listens, then rules lead there, then what no rule leads to any more is closed. */
  async #write(table: Table, keys: Keys | undefined): Promise<readonly Change[]> {
    const { family, logger } = this.#options;
    const relay = this.#relay;
    if (relay === undefined) throw new Error('there is no relay');
    const looked = keys ?? [...new Set([...table.keys(), ...this.#table.keys()])];
    const backends = looked.map(
      (key) => [key, (table.get(key) ?? []).flatMap((port) => backendsOf(port, family))] as const,
    );
    const { ports, failed } = await relay.put(backends.flatMap(([, list]) => list));
    for (const [id, why] of Object.entries(failed)) logger.error('the relay cannot listen', { for: id, why });
    for (const [id, port] of Object.entries(ports)) this.#ports.set(id, port);
    for (const [key, list] of backends) {
      const left = new Set(list.map(({ id }) => id));
      // The relay still listens there for a moment, but no rule may lead to it.
      for (const { id } of this.#backends.get(key) ?? []) if (!left.has(id)) this.#ports.delete(id);
      this.#backends.set(key, list);
    }
    const changes = looked.map((key) => this.#relayService(key, table.get(key) ?? []));
    const written = await this.#rules.sync({ table: this.#table, changes: keys === undefined ? undefined : changes });
    await this.#dropUnused(relay);
    this.#options.onLed?.(looked.map((key) => this.#lead(key, table.get(key) ?? [])));
    return written;
  }

  /** A relay that was started anew listens on other ports: flows to the old ones lead nowhere. */
  #lead(key: string, ports: readonly ServicePort[]): ServiceChange {
    const before = this.#led.get(key) ?? [];
    const after = ports.map((port) => flowsOf(port, relayed(port, this.#options.family, this.#ports)));
    if (after.length > 0) this.#led.set(key, after);
    else this.#led.delete(key);
    return { key, before, after };
  }

  #relayService(key: string, ports: readonly ServicePort[]): ServiceChange {
    const { family } = this.#options;
    const before = this.#table.get(key) ?? [];
    const after = ports.map((port) => relayed(port, family, this.#ports));
    if (after.length > 0) this.#table.set(key, after);
    else {
      this.#table.delete(key);
      this.#backends.delete(key);
    }
    return { key, before, after };
  }

  async #dropUnused(relay: RelayClient): Promise<void> {
    const used = new Set([...this.#backends.values()].flatMap((list) => list.map(({ id }) => id)));
    const ours = Object.keys(await relay.list()).filter((id) => id.endsWith(`/${this.#options.family.version}`));
    const unused = ours.filter((id) => !used.has(id) && !id.startsWith('localhost:'));
    for (const id of unused) this.#ports.delete(id);
    await relay.end(unused);
  }
}

export function createUserspaceBackEnd(options: BackEndOptions): BackEnd {
  return new UserspaceBackEnd(options);
}
