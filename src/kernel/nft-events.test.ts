import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createNoticeReader } from './nft-events.ts';

/** Messages as the kernel sent them: an element of `podwire-services` added by port 0x30b, its generation, a table `nat` by 0x30d. */
const messages = Buffer.from(
  [
    '680000000c0a0004000000000b0300000200000415000100706f64776972652d7365727669636573000000000d000200736572766963657300000000',
    '2c000300280001001400010010000100010203040600000000050000100002000c0002000800010000000000',
    '2c0000000f0a0000010000000b03000000000004080001000000000408000200000003',
    '0b080003006e667400',
    '38000000000a0004020000000d03000002000006080001006e61740008000300000000010c0004000000000000000002080002000000000',
    '0',
  ].join(''),
  'hex',
);

test('only notices about the table count, and they tell who wrote', () => {
  const ports: number[] = [];
  createNoticeReader([{ family: 'ip', name: 'podwire-services' }], ({ port }) => ports.push(port))(messages);
  assert.deepEqual(ports, [0x30b]);
});

test('the other family, another table: silence', () => {
  for (const table of [
    { family: 'ip6', name: 'podwire-services' },
    { family: 'ip', name: 'podwire-service' },
    { family: 'ip', name: 'podwire' },
  ] as const) {
    const ports: number[] = [];
    createNoticeReader([table], ({ port }) => ports.push(port))(messages);
    assert.deepEqual(ports, []);
  }
});

test('cut anywhere, it reads the same', () => {
  for (let size = 1; size < messages.length; size += 1) {
    const ports: number[] = [];
    const read = createNoticeReader([{ family: 'ip', name: 'nat' }], ({ port }) => ports.push(port));
    for (let at = 0; at < messages.length; at += size) read(messages.subarray(at, at + size));
    assert.deepEqual(ports, [0x30d], `pieces of ${size} bytes`);
  }
});
