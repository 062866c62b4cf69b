/** One question to one server: by datagram, and by TCP when the answer was cut. Source port and ID are new each time. */
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { maxStreamMessage } from '../wire/write-response.ts';
import { readResponse } from '../wire/read-response.ts';
import { rcodes } from '../wire/types.ts';

export interface UpstreamServer {
  readonly address: string;
  readonly port: number;
}

export const upstreamTimeoutMs = 2_000;

/** `query` with another ID. */
function withId(query: Buffer, id: number): Buffer {
  const copy = Buffer.from(query);
  copy.writeUInt16BE(id, 0);
  return copy;
}

const headerBytes = 12;

/** Servers that understood nothing of the message (FORMERR, NOTIMP) may send a header back and no question. */
function isBareRefusal(message: Buffer): boolean {
  const rcode = (message[3] ?? 0) & 0xf;
  const isRefusal = rcode === rcodes.FORMERR || rcode === rcodes.NOTIMP;
  return message.length === headerBytes && ((message[2] ?? 0) & 0x80) !== 0 && isRefusal;
}

/** With the question that was asked. */
function withQuestion(header: Buffer, query: Buffer): Buffer {
  const whole = Buffer.from(query.subarray(0, questionEnd(query)));
  header.copy(whole, 0, 0, 4);
  whole.fill(0, 6, headerBytes);
  return whole;
}

/** In a message of ours: one name in full, type and class. */
function questionEnd(query: Buffer): number {
  return query.indexOf(0, headerBytes) + 5;
}

function isAnswerTo(query: Buffer, message: Buffer): boolean {
  if (isBareRefusal(message)) return message.readUInt16BE(0) === query.readUInt16BE(0);
  const facts = readResponse(message);
  if (facts === undefined || facts.id !== query.readUInt16BE(0)) return false;
  return query.toString('latin1', headerBytes, headerBytes + facts.question.length).toLowerCase() === facts.question;
}

/** A connected socket hears only that server; what does not fit the question is not listened to. */
function byDatagram({ address, port }: UpstreamServer, query: Buffer): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  const timer = setTimeout(
    () => reject(new Error(`${address}: no answer in ${upstreamTimeoutMs} ms`)),
    upstreamTimeoutMs,
  );
  socket.on('error', reject);
  socket.on('message', (message) => {
    if (isAnswerTo(query, message)) resolve(message);
  });
  socket.connect(port, address, () => socket.send(query));
  return promise.finally(() => {
    clearTimeout(timer);
    socket.close();
  });
}

function byStream({ address, port }: UpstreamServer, query: Buffer): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const socket = connect({ host: address, port });
  const timer = setTimeout(
    () => reject(new Error(`${address}: no answer by TCP in ${upstreamTimeoutMs} ms`)),
    upstreamTimeoutMs,
  );
  let received = Buffer.alloc(0);
  socket.on('error', reject);
  socket.on('close', () => reject(new Error(`${address}: closed without an answer`)));
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    const length = received.length < 2 ? maxStreamMessage : received.readUInt16BE(0);
    if (received.length < 2 + length) return;
    const message = received.subarray(2, 2 + length);
    if (isAnswerTo(query, message)) resolve(message);
    else reject(new Error(`${address}: answered another question`));
  });
  const length = Buffer.alloc(2);
  length.writeUInt16BE(query.length, 0);
  socket.write(Buffer.concat([length, query]));
  return promise.finally(() => {
    clearTimeout(timer);
    socket.destroy();
  });
}

/** The whole answer, its ID set back to the query's. Rejects after the time limit, or when nobody is there. */
export async function exchange(server: UpstreamServer, query: Buffer): Promise<Buffer> {
  const asked = withId(query, randomInt(0x10000));
  let answer = await byDatagram(server, asked);
  if (readResponse(answer)?.truncated === true) answer = await byStream(server, asked);
  return withId(isBareRefusal(answer) ? withQuestion(answer, asked) : answer, query.readUInt16BE(0));
}
