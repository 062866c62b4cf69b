/** The sockets: datagrams and streams, bounded. */
import { createSocket, type RemoteInfo, type Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { createAnswerer, type Answerer, type AnswererOptions } from './answerer.ts';

export interface DnsServerOptions extends AnswererOptions {
  readonly host: string;
  readonly port: number;
}

export interface DnsServer {
  readonly port: number;
  close(): Promise<void>;
}

const maxConnections = 512;
const idleMs = 10_000;
/** Answers of one connection that may wait to be sent. */
const maxPipelined = 64;
const receiveBufferBytes = 4 * 1024 * 1024;

/** On a socket of both families an IPv4 asker has an IPv6 text; a pod is known by its own. */
function asker(address: string): string {
  return address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
}

async function listenDatagrams({ host, port }: DnsServerOptions, answerer: Answerer): Promise<DatagramSocket> {
  const family = host.includes(':') ? 6 : 4;
  const socket = createSocket({
    type: `udp${family}`,
    recvBufferSize: receiveBufferBytes,
    // Nobody is sent to but by address: Node's own look-up would put each answer off to a later turn.
    lookup: (address, _options, callback) => callback(null, address, family),
  });
  let isOpen = true;
  socket.once('close', () => {
    isOpen = false;
  });
  socket.on('message', (message: Buffer, from: RemoteInfo) =>
    answerer.answer(message, asker(from.address), (response) => {
      // Without a callback: it would cost a turn of its own. What fails is an event, and nobody's loss but the asker's.
      if (isOpen) socket.send(response, from.port, from.address);
    }),
  );
  // With that look-up it may listen before `bind` returns.
  const listening = once(socket, 'listening');
  socket.bind(port, host);
  await listening;
  socket.on('error', ignore);
  return socket;
}

const ignore = (): void => undefined;

/** Messages with their length before them, until the asker goes or says nothing. */
function serveStream(socket: Socket, answerer: Answerer): void {
  let received = Buffer.alloc(0);
  let waiting = 0;
  socket.setTimeout(idleMs, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  const send = (response: Buffer): void => {
    waiting -= 1;
    if (socket.destroyed) return;
    const length = Buffer.alloc(2);
    length.writeUInt16BE(response.length, 0);
    socket.write(Buffer.concat([length, response]));
  };
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
      const end = 2 + received.readUInt16BE(0);
      const message = Buffer.from(received.subarray(2, end));
      received = received.subarray(end);
      waiting += 1;
      if (waiting > maxPipelined) return void socket.destroy();
      answerer.answerStream(message, asker(socket.remoteAddress ?? ''), send);
    }
  });
}

/** Resolves when both listen. Rejects when the port is taken. */
export async function startDnsServer(options: DnsServerOptions): Promise<DnsServer> {
  const answerer = createAnswerer(options);
  const datagrams = await listenDatagrams(options, answerer);
  const { port } = datagrams.address();
  const streams = createServer({ noDelay: true }, (socket) => serveStream(socket, answerer));
  streams.maxConnections = maxConnections;
  streams.listen(port, options.host);
  await once(streams, 'listening');
  const open = new Set<Socket>();
  streams.on('connection', (socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  return {
    port,
    close: async () => {
      for (const socket of open) socket.destroy();
      datagrams.close();
      streams.close();
      await once(streams, 'close');
    },
  };
}
