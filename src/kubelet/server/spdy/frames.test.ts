/** Frames as spdystream (what kubectl uses) writes them, byte for byte, and what it must find in ours. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { constants, deflateSync, inflateSync } from 'node:zlib';
import { spdyDictionary } from './dictionary.ts';
import { dataFrame, FrameReader, pingFrame, replyFrame, resetFrame, type Frame } from './frames.ts';
import { HeaderReader, HeaderWriter } from './header-block.ts';

/** Two SYN_STREAMs of one connection: the second is compressed with what the first has said. */
const errorStream =
  '800300010000003e0000000100000000000078f9e3c6a7c202253a703a2b294a4dcc851625aca9a0808614cb45e01c60616061c0c0c0c0590489c64c50f2663400000000ffff';
const dataStream = '800300010000001800000003000000000000c2aa19540e2512d60b000000ffff';
const hello = '000000030000000568656c6c6f';
const fin = '0000000101000000';
const cancel = '80030003000000080000000300000005';
const ping = '800300060000000400000007';
const goAway = '80030007000000080000000300000000';

const bytes = (...hex: readonly string[]): Buffer => Buffer.from(hex.join(''), 'hex');

function frames(chunks: readonly Buffer[]): Frame[] {
  const reader = new FrameReader();
  return chunks.flatMap((chunk) => [...reader.read(chunk)]);
}

test('what kubectl sends', async () => {
  const [first, second, ...rest] = frames([bytes(errorStream, dataStream, hello, fin, cancel, ping, goAway)]);
  assert.ok(first?.kind === 'open' && second?.kind === 'open');
  const reader = new HeaderReader();
  assert.deepEqual(await reader.read(first.block), { streamtype: 'error', port: '8080', requestid: '0' });
  assert.deepEqual(await reader.read(second.block), { streamtype: 'data', port: '8080', requestid: '0' });
  reader.close();
  assert.deepEqual([first.id, first.fin, second.id], [1, false, 3]);
  assert.deepEqual(rest, [
    { kind: 'data', id: 3, data: Buffer.from('hello'), fin: false },
    { kind: 'data', id: 1, data: Buffer.alloc(0), fin: true },
    { kind: 'reset', id: 3 },
    { kind: 'ping', id: 7 },
    { kind: 'goAway' },
  ]);
});

test('cut anywhere, the same is read', () => {
  const all = bytes(dataStream, hello, fin, ping);
  const whole = frames([all]);
  for (let at = 1; at < all.length; at += 1) {
    const parts = frames([all.subarray(0, at), all.subarray(at)]);
    const text = parts.map((each) => (each.kind === 'data' ? each.data.toString() : '')).join('');
    assert.equal(text, 'hello');
    assert.deepEqual(
      parts.filter(({ kind }) => kind !== 'data'),
      whole.filter(({ kind }) => kind !== 'data'),
    );
  }
});

test('the end comes with the last piece of long data, not before', () => {
  const long = bytes('0000000501000004', '61626364');
  assert.deepEqual(
    frames([long.subarray(0, 10), long.subarray(10)]).map(
      (each) => each.kind === 'data' && [each.data.toString(), each.fin],
    ),
    [
      ['ab', false],
      ['cd', true],
    ],
  );
});

const broken: [string, string][] = [
  ['another version', '800200010000000a'],
  ['a control frame of 16 MB', '8003000100ffffff'],
  ['a SYN_STREAM without a stream', '800300010000000200010000'],
];
for (const [what, hex] of broken) {
  test(`refused: ${what}`, () => assert.throws(() => frames([bytes(hex)]), { name: 'SpdyError' }));
}

test('a header block that is none, or grows without bound, is refused', async () => {
  await assert.rejects(new HeaderReader().read(Buffer.from('this is no zlib stream')));
  const bomb = deflateSync(Buffer.alloc(50_000_000), { dictionary: spdyDictionary });
  assert.ok(bomb.length < 64 * 1024);
  await assert.rejects(new HeaderReader().read(bomb), /too long/);
});

test('what we send', () => {
  assert.equal(resetFrame(3, 5).toString('hex'), cancel);
  assert.equal(pingFrame(7).toString('hex'), ping);
  assert.equal(dataFrame(3, Buffer.from('hello'), false).toString('hex'), hello);
  assert.equal(dataFrame(1, Buffer.alloc(0), true).toString('hex'), fin);
  const writer = new HeaderWriter();
  const [first, second] = [writer.write({}), writer.write({ a: 'bc' })];
  assert.equal(replyFrame(1, first).subarray(0, 12).toString('hex'), '800300020000001800000001');
  const options = { dictionary: spdyDictionary, finishFlush: constants.Z_SYNC_FLUSH };
  const plain = inflateSync(Buffer.concat([first, second]), options);
  assert.equal(plain.toString('hex'), '00000000' + '00000001' + '00000001' + '61' + '00000002' + '6263');
});
