/**
 * Node ports on the node's own loopback (127.0.0.1, ::1), where somebody asks for them: no rule can lead a packet from there to a pod and its
 * answer back without opening loopback to the network (route_localnet), so the relay listens there itself. In every mode; TCP and UDP.
 */
import { overlaps, parseCIDR } from '../../api/addresses.ts';
import type { Change } from '../../kernel/change.ts';
import type { Exec } from '../../kernel/exec.ts';
import type { Family } from '../../kernel/family.ts';
import type { BackEnd, BackEndOptions, OnTouched, Wanted } from '../back-end.ts';
import { portKey, type ServicePort, type Table } from '../model/service-port.ts';
import type { Backend } from './protocol.ts';
import { findRelay, openRelay, type RelayClient } from './relay-client.ts';

const host = (family: Family): string => (family.version === 4 ? '127.0.0.1' : '::1');
const prefix = 'localhost:';
const isOurs = (id: string, family: Family): boolean => id.startsWith(prefix) && id.endsWith(`/${family.version}`);

/** Whether a range of the node ports' addresses is loopback's. */
export function namesLoopback(cidrs: readonly string[] | undefined, family: Family): boolean {
  const loopback = parseCIDR(family.loopback);
  return cidrs?.some((cidr) => overlaps(parseCIDR(cidr), loopback)) ?? false;
}

/** The node itself may use every endpoint, whatever the external policy says. */
function backendsOf(ports: readonly ServicePort[], family: Family): Backend[] {
  return ports.flatMap((port) => {
    const { protocol, nodePort, endpoints, affinitySeconds } = port;
    if (nodePort === undefined || protocol === 'sctp' || endpoints.length === 0) return [];
    const id = `${prefix}${portKey(port)}/${family.version}`;
    const targets = endpoints.map(({ ip, port: number }) => ({ ip, port: number }));
    return [{ id, protocol, host: host(family), port: nodePort, targets, affinitySeconds }];
  });
}

class LocalhostPorts {
  readonly #options: BackEndOptions;
  #relay: RelayClient | undefined;
  #wanted: Table = new Map();

  constructor(options: BackEndOptions) {
    this.#options = options;
  }

  get lost(): boolean {
    return this.#relay?.lost === true;
  }

  async sync({ table, changes }: Wanted): Promise<void> {
    this.#wanted = table;
    if (this.#relay?.lost !== false) await this.restore();
    else await this.#change(this.#relay, changes ?? [...table].map(([key, after]) => ({ key, before: [], after })));
  }

  /** Everything anew, to a relay that may know nothing. */
  async restore(): Promise<void> {
    const { exec, family, signal } = this.#options;
    const relay = await openRelay(exec, () => undefined);
    signal.addEventListener('abort', () => relay.close(), { once: true });
    this.#relay = relay;
    const backends = [...this.#wanted.values()].flatMap((ports) => backendsOf(ports, family));
    const wanted = new Set(backends.map(({ id }) => id));
    const known = Object.keys(await relay.list()).filter((id) => isOurs(id, family));
    await relay.drop(known.filter((id) => !wanted.has(id)));
    this.#report((await relay.put(backends)).failed);
  }

  async #change(relay: RelayClient, changes: NonNullable<Wanted['changes']>): Promise<void> {
    const { family } = this.#options;
    const after = changes.flatMap((change) => backendsOf(change.after, family));
    const kept = new Set(after.map(({ id }) => id));
    const before = changes.flatMap((change) => backendsOf(change.before, family)).map(({ id }) => id);
    await relay.drop(before.filter((id) => !kept.has(id)));
    if (after.length > 0) this.#report((await relay.put(after)).failed);
  }

  #report(failed: Readonly<Record<string, string>>): void {
    for (const [id, why] of Object.entries(failed))
      this.#options.logger.error('no node port on loopback', { for: id, why });
  }
}

/** The back end, and node ports on loopback beside its rules. A relay that fails is told and tried again; rules do not wait for it. */
export function withLocalhostPorts(inner: BackEnd, options: BackEndOptions): BackEnd {
  const ports = new LocalhostPorts(options);
  let failed = false;
  const attempt = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
      failed = false;
    } catch (error) {
      failed = true;
      options.logger.error('node ports on loopback are not served', { family: options.family.name, error });
    }
  };
  return {
    sync: async (wanted) => {
      const written = await inner.sync(wanted);
      await attempt(() => ports.sync(wanted));
      return written;
    },
    audit: async () => {
      const changes = await inner.audit();
      if (!failed && !ports.lost) return changes;
      await attempt(() => ports.restore());
      const restarted: Change = {
        action: 'restart',
        object: 'relay',
        reason: 'node ports on loopback were not served',
      };
      return failed ? changes : [...changes, restarted];
    },
    ...(inner.watch === undefined ? {} : { watch: (onTouched: OnTouched) => inner.watch?.(onTouched) }),
  };
}

/** Nobody asks for them any more. */
export async function endLocalhostPorts(exec: Exec, family: Family): Promise<void> {
  const relay = await findRelay(exec);
  if (relay === undefined) return;
  try {
    await relay.drop(Object.keys(await relay.list()).filter((id) => isOurs(id, family)));
  } finally {
    relay.close();
  }
}
