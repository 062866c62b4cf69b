/** Somebody else's name server for tests: answers what it is told, by datagram and by TCP, and remembers what was asked. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { UpstreamServer } from '../upstream/exchange.ts';
import { readQuery } from '../wire/read-query.ts';
import { rcodes, types, type ResourceRecord } from '../wire/types.ts';
import { maxStreamMessage, writeResponse } from '../wire/write-response.ts';

export interface FakeUpstream {
  readonly server: UpstreamServer;
  readonly asked: string[];
  close(): void;
}

export interface FakeUpstreamOptions {
  /** A query with an OPT record is a FORMERR, told with the question or with a header and nothing else. */
  readonly refusesEdns?: 'question' | 'header';
}

/** Address records by name; any other name is NXDOMAIN. A name that is `mute` is not answered. */
export async function startUpstream(
  addresses: Readonly<Record<string, readonly string[]>>,
  { refusesEdns }: FakeUpstreamOptions = {},
): Promise<FakeUpstream> {
  const asked: string[] = [];
  const answer = (message: Buffer, limit: number, how: string): Buffer | undefined => {
    const query = readQuery(message);
    const { name, type } = query.question;
    asked.push(`${how} ${name}${refusesEdns !== undefined && query.edns !== undefined ? ' edns' : ''}`);
    if (query.edns !== undefined && refusesEdns !== undefined) {
      const question = refusesEdns === 'question' ? query.rawQuestion : Buffer.alloc(0);
      const header = Buffer.from([0, 0, 0x81, 0x81, 0, question.length === 0 ? 0 : 1, 0, 0, 0, 0, 0, 0]);
      header.writeUInt16BE(query.id, 0);
      return Buffer.concat([header, question]);
    }
    if (name === 'mute') return undefined;
    const known = addresses[name];
    const answers = (known ?? []).map((address): ResourceRecord => {
      return { name, ttl: 60, data: { type: address.includes(':') ? types.AAAA : types.A, address } };
    });
    const rcode = known === undefined ? rcodes.NXDOMAIN : rcodes.NOERROR;
    const matching = answers.filter(({ data }) => data.type === type);
    return writeResponse(
      query,
      { rcode, authoritative: false, answers: matching, authority: [], additional: [] },
      limit,
    );
  };
  const datagrams = createSocket('udp4');
  datagrams.on('message', (message, { port, address }) => {
    const response = answer(message, 512, 'udp');
    if (response !== undefined) datagrams.send(response, port, address);
  });
  datagrams.bind(0, '127.0.0.1');
  await once(datagrams, 'listening');
  const { port } = datagrams.address();
  const streams = createServer((socket) =>
    socket.on('data', (chunk: Buffer) => {
      const response = answer(chunk.subarray(2), maxStreamMessage, 'tcp');
      if (response === undefined) return;
      const length = Buffer.alloc(2);
      length.writeUInt16BE(response.length, 0);
      socket.end(Buffer.concat([length, response]));
    }),
  );
  streams.listen(port, '127.0.0.1');
  await once(streams, 'listening');
  return {
    server: { address: '127.0.0.1', port },
    asked,
    close: () => {
      datagrams.close();
      streams.close();
    },
  };
}
