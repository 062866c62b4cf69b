/** What a relay process does: listens where it is told to, and carries. It ends when it serves nothing and nobody tells it anything. */
import { carryTcp } from './tcp-carrier.ts';
import { carryUdp } from './udp-carrier.ts';
import type { Carrier, Load } from './carrier.ts';
import type { Backend, RelayReply, RelayRequest } from './protocol.ts';

/** Leaves room for listeners below the usual limit of 20,000 descriptors. */
const maxOpen = 4_096;

export class Relay {
  readonly #carriers = new Map<string, Carrier>();
  readonly #load: Load;

  /** `onIdle` is called whenever nothing is served and nothing carried any more. */
  constructor(onIdle: () => void) {
    this.#load = { open: 0, limit: maxOpen, onLess: () => (this.isIdle ? onIdle() : undefined) };
  }

  get isIdle(): boolean {
    return this.#carriers.size === 0 && this.#load.open === 0;
  }

  async answer(request: RelayRequest): Promise<RelayReply> {
    switch (request.op) {
      case 'list':
        return { ports: Object.fromEntries([...this.#carriers].map(([id, { port }]) => [id, port])), failed: {} };
      case 'put':
        return this.#put(request.backends);
      case 'drop':
        for (const id of request.ids) {
          if (request.targetsGone === true) this.#carriers.get(id)?.retarget([], undefined);
          this.#drop(id);
        }
        return { ports: {}, failed: {} };
    }
  }

  async #put(backends: readonly Backend[]): Promise<RelayReply> {
    const ports: Record<string, number> = {};
    const failed: Record<string, string> = {};
    for (const backend of backends) {
      try {
        ports[backend.id] = (await this.#serve(backend)).port;
      } catch (error) {
        failed[backend.id] = error instanceof Error ? error.message : String(error);
      }
    }
    return { ports, failed };
  }

  async #serve(backend: Backend): Promise<Carrier> {
    const known = this.#carriers.get(backend.id);
    if (known !== undefined && (backend.port === 0 || backend.port === known.port)) {
      known.retarget(backend.targets, backend.affinitySeconds);
      return known;
    }
    this.#drop(backend.id);
    const carrier = await (backend.protocol === 'tcp' ? carryTcp : carryUdp)(backend, this.#load);
    this.#carriers.set(backend.id, carrier);
    return carrier;
  }

  #drop(id: string): void {
    this.#carriers.get(id)?.close();
    this.#carriers.delete(id);
  }
}
