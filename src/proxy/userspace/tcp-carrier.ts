/** Carries TCP connections: one to the client, one to the target, two pipes between them, each half closed by itself. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { release, take, type Carrier, type Load } from './carrier.ts';
import { Chooser } from './chooser.ts';
import type { Backend, Target } from './protocol.ts';

const connectMs = 5_000;
const keepAliveMs = 60_000;
/** Nothing came for so long: the kernel's own table of flows has forgotten it by then. */
const idleMs = 5 * 24 * 3600 * 1000;
/** One side has said all it had; the other says nothing. */
const halfClosedMs = 10 * 60 * 1000;

/** Resolves with undefined when nobody accepts in time. */
function dial({ ip, port }: Target): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: ip, port, allowHalfOpen: true, noDelay: true });
    const give = (result: Socket | undefined): void => {
      clearTimeout(timer);
      resolve(result);
    };
    const timer = setTimeout(() => socket.destroy(), connectMs);
    socket.once('connect', () => give(socket));
    socket.on('error', () => undefined); // close follows
    socket.once('close', () => give(undefined));
  });
}

/** Both ends live as long as each other: an error of one is a reset of the other. */
function join(client: Socket, target: Socket): void {
  const pairs = [
    [client, target],
    [target, client],
  ] as const;
  for (const [one, other] of pairs) {
    one.setKeepAlive(true, keepAliveMs);
    one.setTimeout(idleMs, () => one.destroy());
    one.on('close', (hadError) => (hadError ? other.resetAndDestroy() : other.destroySoon()));
    one.on('end', () => other.setTimeout(halfClosedMs));
    one.pipe(other);
  }
}

class TcpCarrier implements Carrier {
  readonly port: number;
  readonly #chooser: Chooser;
  readonly #stop: () => void;

  constructor(port: number, chooser: Chooser, stop: () => void) {
    this.port = port;
    this.#chooser = chooser;
    this.#stop = stop;
  }

  retarget(targets: readonly Target[], affinitySeconds: number | undefined): void {
    this.#chooser.set(targets, affinitySeconds);
  }

  close(): void {
    this.#stop();
  }
}

async function carry(client: Socket, chooser: Chooser, load: Load): Promise<void> {
  client.on('error', () => undefined); // close follows
  if (!take(load)) return void client.resetAndDestroy();
  client.once('close', () => release(load));
  client.setNoDelay(true);
  const who = client.remoteAddress ?? '';
  for (const target of chooser.order(who, Date.now())) {
    const socket = await dial(target);
    if (client.destroyed) return void socket?.destroy();
    if (socket === undefined) continue;
    chooser.keep(who, target, Date.now());
    return join(client, socket);
  }
  client.resetAndDestroy();
}

/** Rejects when it cannot listen there. */
export function carryTcp({ host, port, targets, affinitySeconds }: Backend, load: Load): Promise<Carrier> {
  const chooser = new Chooser();
  chooser.set(targets, affinitySeconds);
  const server = createServer(
    { allowHalfOpen: true, pauseOnConnect: true },
    (client) => void carry(client, chooser, load),
  );
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, backlog: 1024 }, () => {
      server.off('error', reject).on('error', () => undefined);
      resolve(new TcpCarrier((server.address() as AddressInfo).port, chooser, () => server.close()));
    });
  });
}
