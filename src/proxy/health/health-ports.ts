/** Ports that come and go while others ask: one a name, tried again when taken. */
import { networkInterfaces } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { contains, parseCIDR } from '../../api/addresses.ts';
import { listen, type Answer, type Listener } from './http-server.ts';

export interface HealthPortsOptions {
  /** Where they listen, as CIDRs of addresses of this machine; undefined: everywhere. */
  readonly addresses: readonly string[] | undefined;
  readonly answer: (name: string) => Answer;
  /** A port stayed taken; it is tried again by `retry`. */
  readonly onTaken: (name: string, port: number, error: unknown) => void;
}

interface Port {
  readonly port: number;
  listeners: Listener[];
  state: 'closed' | 'opening' | 'open';
}

/** A port that another name had is free a moment after it was closed. */
const attempts = 3;
const attemptMs = 100;

/** The hosts to listen on: a machine's addresses may change, so they are read at each opening. */
function hostsOf(cidrs: readonly string[] | undefined): (string | undefined)[] {
  if (cidrs === undefined) return [undefined];
  const ranges = cidrs.map(parseCIDR);
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return all.map(({ address }) => address).filter((address) => ranges.some((range) => contains(range, address)));
}

export class HealthPorts {
  readonly #options: HealthPortsOptions;
  readonly #ports = new Map<string, Port>();

  constructor(options: HealthPortsOptions) {
    this.#options = options;
  }

  names(): string[] {
    return [...this.#ports.keys()];
  }

  portOf(name: string): number | undefined {
    return this.#ports.get(name)?.port;
  }

  /** Opened by the next `retry`. */
  add(name: string, port: number): void {
    this.#ports.set(name, { port, listeners: [], state: 'closed' });
  }

  remove(name: string): void {
    const port = this.#ports.get(name);
    this.#ports.delete(name);
    if (port !== undefined) close(port);
  }

  /** Opens what is not open. */
  retry(): void {
    for (const [name, port] of this.#ports) if (port.state === 'closed') void this.#open(name, port);
  }

  async #open(name: string, port: Port): Promise<void> {
    port.state = 'opening';
    for (let attempt = 1; this.#ports.get(name) === port; attempt += 1) {
      try {
        await this.#listen(name, port);
        port.state = 'open';
        return;
      } catch (error) {
        close(port);
        if (attempt === attempts) {
          port.state = 'closed';
          return this.#options.onTaken(name, port.port, error);
        }
      }
      await sleep(attemptMs);
    }
  }

  async #listen(name: string, port: Port): Promise<void> {
    for (const host of hostsOf(this.#options.addresses)) {
      const listener = await listen({ host, port: port.port }, () => this.#options.answer(name));
      if (this.#ports.get(name) === port) port.listeners.push(listener);
      else listener.close(); // it went meanwhile
    }
  }
}

function close(port: Port): void {
  for (const listener of port.listeners) listener.close();
  port.listeners = [];
}
