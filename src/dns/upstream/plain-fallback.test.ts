/** Servers of others that know no EDNS, as there are: they refuse with the question or with nothing but a header. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDnsMetrics } from '../metrics/dns-metrics.ts';
import { startUpstream } from '../testing/upstream.ts';
import { readQuery } from '../wire/read-query.ts';
import { createForwarder } from './forwarder.ts';
import { createPlainFallback } from './plain-fallback.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
const question = (label: string): string => `01 ${Buffer.from(label).toString('hex')} 00 0001 0001`;
/** A query for `label` (one letter), type A, with an OPT record: 1,232 bytes, DO. */
const withEdns = (label: string) =>
  readQuery(hex(`abcd 0100 0001 0000 0000 0001 ${question(label)} 00 0029 04d0 00 00 8000 0000`));
const server = { address: '192.0.2.53', port: 53 };

for (const [how, refusal] of [
  ['with the question', 'question'],
  ['with a header and nothing else', 'header'],
] as const)
  test(`a server that refuses EDNS ${how} is asked again without, the next time at once`, async () => {
    const upstream = await startUpstream({ a: ['192.0.2.1'], b: ['192.0.2.2'] }, { refusesEdns: refusal });
    try {
      const metrics = createDnsMetrics();
      const forwarder = createForwarder({ servers: [upstream.server], stubDomains: new Map(), metrics });
      const answer = await forwarder.forward(withEdns('a'));
      // The answer and an OPT record of ours: one answer, one additional, DO as it was asked.
      assert.equal(
        answer?.toString('hex'),
        hex(`abcd 8180 0001 0001 0000 0001 ${question('a')} c00c 0001 0001 0000003c 0004 c0000201
          00 0029 04d0 00 00 8000 0000`).toString('hex'),
      );
      assert.deepEqual(upstream.asked, ['udp a edns', 'udp a']);
      await forwarder.forward(withEdns('b'));
      assert.deepEqual(upstream.asked.slice(2), ['udp b']);
      assert.match(metrics.text(), /coredns_proxy_request_duration_seconds_count\{[^}]*rcode="FORMERR"\} 1/);
    } finally {
      upstream.close();
    }
  });

test('what is refused without EDNS too is passed on, and EDNS is tried again', async () => {
  const asked: number[] = [];
  const ask = createPlainFallback((_server, message) => {
    asked.push(message.readUInt16BE(10));
    return Promise.resolve(hex(`0000 8184 0001 0000 0000 0000 ${question('a')}`));
  });
  const answer = await ask(server, withEdns('a'));
  assert.equal((answer[3] ?? 0) & 0xf, 4);
  await ask(server, withEdns('a'));
  assert.deepEqual(asked, [1, 0, 1, 0], 'additional records of each question');
});

test('after a while EDNS is tried again', async () => {
  let now = 0;
  const asked: number[] = [];
  const ask = createPlainFallback(
    (_server, message) => {
      const additional = message.readUInt16BE(10);
      asked.push(additional);
      return Promise.resolve(hex(`0000 818${additional} 0001 0000 0000 0000 ${question('a')}`));
    },
    () => now,
  );
  await ask(server, withEdns('a'));
  now = 60_000;
  await ask(server, withEdns('a'));
  now = 3_600_000;
  await ask(server, withEdns('a'));
  assert.deepEqual(asked, [1, 0, 0, 1, 0]);
});
