/** Carries datagrams: a socket of its own for each client, so that answers find their way back, until nobody speaks any more. */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { release, take, type Carrier, type Load } from './carrier.ts';
import { Chooser } from './chooser.ts';
import type { Backend, Target } from './protocol.ts';

/** As the kernel's table of flows has it: one that was answered, and one that was not. */
const answeredMs = 120_000;
const unansweredMs = 30_000;
const sweepMs = 5_000;
/** Datagrams that wait for a socket to be there. */
const maxWaiting = 64;

interface Flow {
  readonly target: Target;
  readonly socket: Socket;
  /** Undefined once the socket is connected. */
  waiting: Buffer[] | undefined;
  answered: boolean;
  at: number;
}

class UdpCarrier implements Carrier {
  readonly #socket: Socket;
  readonly #load: Load;
  readonly #chooser = new Chooser();
  readonly #flows = new Map<string, Flow>();
  readonly #sweeper: NodeJS.Timeout;
  readonly #isShared: boolean;
  #closed = false;

  /** `isShared`: somebody else may want this very port next, so it is not kept for answers. */
  constructor(socket: Socket, load: Load, isShared: boolean) {
    this.#socket = socket;
    this.#isShared = isShared;
    this.#load = load;
    socket.on('message', (data, from) => this.#forward(data, from));
    socket.on('error', () => undefined);
    this.#sweeper = setInterval(() => this.#sweep(), sweepMs);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  retarget(targets: readonly Target[], affinitySeconds: number | undefined): void {
    this.#chooser.set(targets, affinitySeconds);
    for (const [client, { target }] of this.#flows) if (!this.#chooser.has(target)) this.#end(client);
  }

  /** The rules do not lead here any more: what comes yet are answers, until nobody speaks. */
  close(): void {
    this.#closed = true;
    if (this.#isShared) for (const client of [...this.#flows.keys()]) this.#end(client);
    this.#endWhenQuiet();
  }

  #forward(data: Buffer, from: RemoteInfo): void {
    const client = `${from.address} ${from.port}`;
    const flow = this.#flows.get(client) ?? this.#open(client, from);
    if (flow === undefined) return;
    flow.at = Date.now();
    if (flow.waiting === undefined) flow.socket.send(data, () => undefined);
    else if (flow.waiting.length < maxWaiting) flow.waiting.push(data);
  }

  #open(client: string, from: RemoteInfo): Flow | undefined {
    const now = Date.now();
    const [target] = this.#chooser.order(from.address, now);
    if (target === undefined || !take(this.#load)) return undefined;
    this.#chooser.keep(from.address, target, now);
    const socket = createSocket(isIPv6(target.ip) ? 'udp6' : 'udp4');
    const flow: Flow = { target, socket, waiting: [], answered: false, at: now };
    this.#flows.set(client, flow);
    socket.on('message', (data) => {
      flow.answered = true;
      flow.at = Date.now();
      this.#socket.send(data, from.port, from.address, () => undefined);
    });
    // Nobody listens there: the next datagram tries another.
    socket.on('error', () => this.#end(client));
    socket.connect(target.port, target.ip, () => {
      const { waiting } = flow;
      flow.waiting = undefined;
      for (const data of waiting ?? []) socket.send(data, () => undefined);
    });
    return flow;
  }

  #end(client: string): void {
    const flow = this.#flows.get(client);
    if (flow === undefined) return;
    this.#flows.delete(client);
    flow.socket.close();
    release(this.#load);
    this.#endWhenQuiet();
  }

  #sweep(): void {
    const now = Date.now();
    for (const [client, { answered, at }] of this.#flows)
      if (now - at > (answered ? answeredMs : unansweredMs)) this.#end(client);
  }

  #endWhenQuiet(): void {
    if (!this.#closed || this.#flows.size > 0) return;
    clearInterval(this.#sweeper);
    this.#socket.close();
    this.#closed = false;
  }
}

/** Rejects when it cannot listen there. */
export function carryUdp({ host, port, targets, affinitySeconds }: Backend, load: Load): Promise<Carrier> {
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(port, host, () => {
      socket.off('error', reject);
      const carrier = new UdpCarrier(socket, load, port !== 0);
      carrier.retarget(targets, affinitySeconds);
      resolve(carrier);
    });
  });
}
