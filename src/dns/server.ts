/** The sockets: datagrams and streams, bounded, and a short way for questions that were answered before. */
import { createSocket, type RemoteInfo, type Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import type { DnsMetrics } from './metrics.ts';
import type { Resolver } from './resolver.ts';
import { MalformedQuery, readQuery } from './wire/read-query.ts';
import { rcodes, type Answer, type Query } from './wire/types.ts';
import { datagramLimit, maxStreamMessage, writeFailure, writeResponse } from './wire/write-response.ts';

export interface DnsServerOptions {
  readonly host: string;
  readonly port: number;
  readonly resolver: Resolver;
  readonly metrics: DnsMetrics;
  /** Changes when any local answer may have changed. */
  readonly generation: () => number;
}

export interface DnsServer {
  readonly port: number;
  close(): Promise<void>;
}

const maxRemembered = 8_192;
/** Longer queries are answered, but not remembered. */
const maxRememberedBytes = 128;
/** Answers that differ only in the order of their records, one after the other. */
const maxRotations = 8;
const maxConnections = 512;
const idleMs = 10_000;
/** Answers of one connection that may wait to be sent. */
const maxPipelined = 64;
const receiveBufferBytes = 4 * 1024 * 1024;

interface Remembered {
  readonly messages: readonly Buffer[];
  readonly rcode: number;
  next: number;
}

/** The same answer with its records in turn: askers take the first one. */
function rotations(query: Query, answer: Answer, limit: number): Buffer[] {
  const { answers } = answer;
  const turns = Math.min(Math.max(answers.length, 1), maxRotations);
  return Array.from({ length: turns }, (_, turn) =>
    writeResponse(query, { ...answer, answers: [...answers.slice(turn), ...answers.slice(0, turn)] }, limit),
  );
}

/** An answer of somebody else's that is too long for a datagram: only the question, with TC set. */
function fitted(message: Buffer, query: Query, limit: number): Buffer {
  if (message.length <= limit) return message;
  const cut = Buffer.from(message.subarray(0, 12 + query.rawQuestion.length));
  cut.writeUInt16BE(cut.readUInt16BE(2) | 0x0200, 2);
  cut.fill(0, 6, 12);
  return cut;
}

/** What is said to a message; undefined: nothing. */
class Answerer {
  readonly #options: DnsServerOptions;
  readonly #remembered = new Map<string, Remembered>();
  #generation = -1;

  constructor(options: DnsServerOptions) {
    this.#options = options;
  }

  /** For datagrams: a local answer comes at once, without a promise. */
  answer(message: Buffer, client: string, send: (response: Buffer) => void): void {
    const { metrics, generation } = this.#options;
    if (this.#generation !== generation()) {
      this.#generation = generation();
      this.#remembered.clear();
    }
    const key = message.length > maxRememberedBytes ? undefined : message.toString('latin1', 2);
    const known = key === undefined ? undefined : this.#remembered.get(key);
    if (known !== undefined) {
      const response = known.messages[known.next] as Buffer;
      known.next = (known.next + 1) % known.messages.length;
      response[0] = message[0] as number;
      response[1] = message[1] as number;
      metrics.answered('udp', known.rcode);
      return send(response);
    }
    this.#work(message, client, datagramLimit, 'udp', send, key);
  }

  answerStream(message: Buffer, client: string, send: (response: Buffer) => void): void {
    this.#work(message, client, () => maxStreamMessage, 'tcp', send, undefined);
  }

  #work(
    message: Buffer,
    client: string,
    limitOf: (query: Query) => number,
    transport: 'udp' | 'tcp',
    send: (response: Buffer) => void,
    key: string | undefined,
  ): void {
    const { resolver, metrics } = this.#options;
    const query = this.#read(message, transport, send);
    if (query === undefined) return;
    const limit = limitOf(query);
    const resolution = resolver.resolve(query, client);
    if (resolution.kind === 'local') {
      const { answer, forAll } = resolution;
      const messages = rotations(query, answer, limit);
      if (key !== undefined && forAll && answer.authoritative && this.#remembered.size < maxRemembered)
        this.#remembered.set(key, { messages, rcode: answer.rcode, next: 1 % messages.length });
      metrics.answered(transport, answer.rcode);
      return send(messages[0] as Buffer);
    }
    const started = performance.now();
    void resolution.answer.then((answer) => {
      const response = Buffer.isBuffer(answer) ? fitted(answer, query, limit) : writeResponse(query, answer, limit);
      metrics.answered(transport, (response[3] ?? 0) & 0xf, (performance.now() - started) / 1000);
      send(response);
    });
  }

  #read(message: Buffer, transport: 'udp' | 'tcp', send: (response: Buffer) => void): Query | undefined {
    try {
      return readQuery(message);
    } catch (error) {
      if (!(error instanceof MalformedQuery)) throw error;
      this.#options.metrics.answered(transport, rcodes.FORMERR);
      if (error.id !== undefined) send(writeFailure(error.id, rcodes.FORMERR));
      return undefined;
    }
  }
}

async function listenDatagrams({ host, port }: DnsServerOptions, answerer: Answerer): Promise<DatagramSocket> {
  const socket = createSocket({ type: host.includes(':') ? 'udp6' : 'udp4', recvBufferSize: receiveBufferBytes });
  let isOpen = true;
  socket.once('close', () => {
    isOpen = false;
  });
  socket.on('message', (message: Buffer, from: RemoteInfo) =>
    answerer.answer(message, from.address, (response) => {
      if (isOpen) socket.send(response, from.port, from.address, ignore);
    }),
  );
  socket.bind(port, host);
  await once(socket, 'listening');
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
      answerer.answerStream(message, socket.remoteAddress ?? '', send);
    }
  });
}

/** Resolves when both listen. Rejects when the port is taken. */
export async function startDnsServer(options: DnsServerOptions): Promise<DnsServer> {
  const answerer = new Answerer(options);
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
