/** What is said to a message, with a short way for questions that were answered before. */
import { AnswerMemory } from './answer-memory.ts';
import type { Freshness } from './change-stamps.ts';
import type { Answered, DnsMetrics, Transport } from './metrics/dns-metrics.ts';
import type { Resolution, Resolver } from './resolver.ts';
import { MalformedQuery, readQuery } from './wire/read-query.ts';
import { rcodes, type Answer, type Query } from './wire/types.ts';
import { datagramLimit, maxStreamMessage, withOpt, writeFailure, writeResponse } from './wire/write-response.ts';

export interface AnswererOptions {
  readonly resolver: Resolver;
  readonly metrics: DnsMetrics;
  readonly freshness: Freshness;
}

export type Send = (response: Buffer) => void;

export interface Answerer {
  /** For datagrams: a local answer comes at once, without a promise. The bytes are ours again after `send`. */
  answer(message: Buffer, client: string, send: Send): void;
  answerStream(message: Buffer, client: string, send: Send): void;
}

/** Longer queries are answered, but not remembered. */
const maxRememberedBytes = 128;
/** Answers that differ only in the order of their records, one after the other. */
const maxRotations = 8;

/** The same answer with its records in turn: askers take the first one. */
function rotations(query: Query, answer: Answer, limit: number): Buffer[] {
  const { answers } = answer;
  const turns = Math.min(Math.max(answers.length, 1), maxRotations);
  if (turns === 1) return [writeResponse(query, answer, limit)];
  return Array.from({ length: turns }, (_, turn) =>
    writeResponse(query, { ...answer, answers: [...answers.slice(turn), ...answers.slice(0, turn)] }, limit),
  );
}

/** An answer of somebody else's that is too long for a datagram: only the question, with TC set (and OPT, RFC 6891 7). */
function fitted(message: Buffer, query: Query, limit: number): Buffer {
  if (message.length <= limit) return message;
  const cut = Buffer.from(message.subarray(0, 12 + query.rawQuestion.length));
  cut.writeUInt16BE(cut.readUInt16BE(2) | 0x0200, 2);
  cut.fill(0, 6, 12);
  return query.edns === undefined ? cut : withOpt(cut, query.edns.dnssecOk);
}

/** A message on its way: what the counters want to know of it. */
interface Asked {
  readonly message: Buffer;
  readonly client: string;
  readonly transport: Transport;
  readonly since: number;
  readonly send: Send;
}

class MemoryAnswerer implements Answerer {
  readonly #options: AnswererOptions;
  readonly #memory: AnswerMemory;

  constructor(options: AnswererOptions) {
    this.#options = options;
    this.#memory = new AnswerMemory(options.freshness);
  }

  answer(message: Buffer, client: string, send: Send): void {
    const asked: Asked = { message, client, transport: 'udp', since: performance.now(), send };
    const key = message.length > maxRememberedBytes ? undefined : message.toString('latin1', 2);
    const known = key === undefined ? undefined : this.#memory.get(key);
    if (known === undefined) return this.#work(asked, datagramLimit, key);
    const response = known.messages[known.next] as Buffer;
    known.next = (known.next + 1) % known.messages.length;
    response[0] = message[0] as number;
    response[1] = message[1] as number;
    this.#tell(asked, response, known.type, known.rcode, 'kubernetes');
  }

  answerStream(message: Buffer, client: string, send: Send): void {
    this.#work({ message, client, transport: 'tcp', since: performance.now(), send }, () => maxStreamMessage);
  }

  #work(asked: Asked, limitOf: (query: Query) => number, key?: string): void {
    const query = this.#read(asked);
    if (query === undefined) return;
    const { type } = query.question;
    const limit = limitOf(query);
    const resolution = this.#options.resolver.resolve(query, asked.client);
    if (resolution.kind === 'local') {
      const messages = rotations(query, resolution.answer, limit);
      this.#remember(key, type, resolution, messages);
      return this.#tell(asked, messages[0] as Buffer, type, resolution.answer.rcode, 'kubernetes');
    }
    void resolution.answer.then((answer) => {
      const isOthers = Buffer.isBuffer(answer);
      const response = isOthers ? fitted(answer, query, limit) : writeResponse(query, answer, limit);
      this.#tell(asked, response, type, (response[3] ?? 0) & 0xf, isOthers ? 'forward' : 'kubernetes');
    });
  }

  #remember(
    key: string | undefined,
    type: number,
    { answer, forAll, service }: Extract<Resolution, { kind: 'local' }>,
    messages: Buffer[],
  ): void {
    if (key !== undefined && forAll && answer.authoritative)
      this.#memory.put(key, service, { messages, rcode: answer.rcode, type });
  }

  #tell(asked: Asked, response: Buffer, type: number, rcode: number, plugin: Answered['plugin']): void {
    const { message, client, transport, since, send } = asked;
    send(response);
    const [requestBytes, responseBytes] = [message.length, response.length];
    this.#options.metrics.answered({ transport, client, type, rcode, requestBytes, responseBytes, since, plugin });
  }

  #read(asked: Asked): Query | undefined {
    try {
      return readQuery(asked.message);
    } catch (error) {
      if (!(error instanceof MalformedQuery)) throw error;
      if (error.id !== undefined)
        this.#tell(asked, writeFailure(error.id, rcodes.FORMERR), 0, rcodes.FORMERR, 'kubernetes');
      return undefined;
    }
  }
}

export function createAnswerer(options: AnswererOptions): Answerer {
  return new MemoryAnswerer(options);
}
