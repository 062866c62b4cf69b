import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MalformedQuery, readQuery } from './read-query.ts';
import { readAddressRecords } from './read-records.ts';
import { readResponse } from './read-response.ts';
import { rcodes, types, type Answer } from './types.ts';
import { writeQuery, writeQuestion } from './write-query.ts';
import { writeResponse } from './write-response.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

/** `A www.Example.com`, ID abcd, RD. */
const plain = hex('abcd 0100 0001 0000 0000 0000  03 777777 07 4578616d706c65 03 636f6d 00 0001 0001');
/** The same with EDNS: 4,096 bytes, DO. */
const withEdns = Buffer.concat([plain, hex('00 0029 1000 00 00 8000 0000')]);
withEdns.writeUInt16BE(1, 10);

const answer = (more: Partial<Answer> = {}): Answer => ({
  rcode: rcodes.NOERROR,
  authoritative: true,
  answers: [],
  authority: [],
  additional: [],
  ...more,
});

test('a query is read: name in lower case, flags, EDNS', () => {
  const query = readQuery(plain);
  assert.deepEqual(query.question, { name: 'www.example.com', type: 1, class: 1 });
  assert.deepEqual([query.id, query.recursionDesired, query.edns], [0xabcd, true, undefined]);
  assert.deepEqual(readQuery(withEdns).edns, { version: 0, payloadSize: 4096, dnssecOk: true });
});

test('what is no query is refused, and nobody answers a response', () => {
  const bad: readonly (readonly [Buffer, number | undefined])[] = [
    [hex('abcd'), undefined],
    [hex('abcd 8100 0001 0000 0000 0000 00 0001 0001'), undefined],
    [hex('abcd 0100 0002 0000 0000 0000 00 0001 0001'), 0xabcd],
    [hex('abcd 0100 0001 0001 0000 0000 00 0001 0001'), 0xabcd],
    [hex('abcd 0100 0001 0000 0000 0000 c00c 0001 0001'), 0xabcd],
    [hex('abcd 0100 0001 0000 0000 0000 03 7777'), 0xabcd],
    [hex('abcd 0100 0001 0000 0000 0000 03 772e77 00 0001 0001'), 0xabcd],
    [hex('abcd 0100 0001 0000 0000 0000 00 0001'), 0xabcd],
    [hex('abcd 0100 0001 0000 0000 0001 00 0001 0001 00 0029'), 0xabcd],
    [hex(`abcd 0100 0001 0000 0000 0000 ${'3f'.padEnd(128, '61').repeat(5)} 00 0001 0001`), 0xabcd],
  ];
  for (const [message, id] of bad)
    assert.throws(
      () => readQuery(message),
      (error) => error instanceof MalformedQuery && error.id === id,
      message.toString('hex'),
    );
});

test('a response byte by byte: the question as it came, names pointing back', () => {
  const response = writeResponse(
    readQuery(plain),
    answer({
      answers: [
        { name: 'www.example.com', ttl: 5, data: { type: types.CNAME, target: 'a.example.com' } },
        { name: 'a.example.com', ttl: 5, data: { type: types.A, address: '10.1.2.3' } },
      ],
    }),
    512,
  );
  const expected = hex(`
    abcd 8580 0001 0002 0000 0000
    03 777777 07 4578616d706c65 03 636f6d 00 0001 0001
    c00c 0005 0001 00000005 0004  01 61 c010
    c02d 0001 0001 00000005 0004  0a010203`);
  assert.equal(response.toString('hex'), expected.toString('hex'));
});

test('each type of record in bytes', () => {
  const data = (records: Answer['answers']): string =>
    writeResponse(readQuery(plain), answer({ answers: records }), 512)
      .toString('hex')
      .slice(33 * 2);
  const name = '';
  assert.match(data([{ name, ttl: 1, data: { type: types.AAAA, address: 'fd00::1' } }]), /0010fd000{27}1$/);
  assert.match(data([{ name, ttl: 1, data: { type: types.TXT, text: '1.1.0' } }]), /000605312e312e30$/);
  const srv = { type: types.SRV, priority: 1, weight: 2, port: 80, target: 'x' } as const;
  assert.match(data([{ name, ttl: 1, data: srv }]), /000900010002005001780{2}$/);
  const soa = { type: types.SOA, primary: 'n', mailbox: 'm', serial: 9, minimum: 5 } as const;
  assert.match(
    data([{ name, ttl: 1, data: soa }]),
    /001a016e00016d0000000009(0000[0-9a-f]{4}|0001[0-9a-f]{4}){3}00000005$/,
  );
});

test('what does not fit is cut: answers with TC set, additional records without a word', () => {
  const many = Array.from({ length: 40 }, (_, index) => ({
    name: 'www.example.com',
    ttl: 5,
    data: { type: types.A, address: `10.0.0.${index}` } as const,
  }));
  const cut = readResponse(writeResponse(readQuery(plain), answer({ answers: many }), 512));
  assert.equal(cut?.truncated, true);
  assert.ok((cut?.counts[0] ?? 0) > 20 && (cut?.counts[0] ?? 0) < 40);
  const whole = readResponse(writeResponse(readQuery(withEdns), answer({ answers: many }), 1232));
  assert.deepEqual([whole?.truncated, whole?.counts], [false, [40, 0, 1]]);
  const additional = readResponse(writeResponse(readQuery(plain), answer({ additional: many }), 512));
  assert.equal(additional?.truncated, false);
});

test('a foreign response: question, TTLs and how long it may be kept', () => {
  const response = hex(`
    abcd 8180 0001 0002 0000 0001
    03 777777 07 4578616d706c65 03 636f6d 00 0001 0001
    c00c 0005 0001 0000003c 0004  01 61 c010
    c02d 0001 0001 0000000a 0004  0a010203
    00 0029 04d0 00000000 0000`);
  const facts = readResponse(response);
  assert.deepEqual([facts?.keepSeconds, facts?.ttlOffsets.length, facts?.rcode], [10, 2, 0]);
  assert.deepEqual(readAddressRecords(response), [
    { name: 'www.example.com', ttl: 60, data: { type: types.CNAME, target: 'a.example.com' } },
    { name: 'a.example.com', ttl: 10, data: { type: types.A, address: '10.1.2.3' } },
  ]);
  for (let length = 0; length < response.length; length += 1)
    assert.equal(readResponse(response.subarray(0, length)), undefined, `cut at ${length}`);
});

test('names that point in circles or forward end', () => {
  const loop = hex('abcd 8180 0001 0001 0000 0000 00 0001 0001 c011 0001 0001 00000001 0004 01020304');
  assert.equal(readAddressRecords(loop), undefined);
});

test('a query of our own has nothing of the asker but question, EDNS size and DO', () => {
  const own = readQuery(writeQuery(readQuery(withEdns)));
  assert.deepEqual(
    [own.id, own.question.name, own.edns],
    [0, 'www.example.com', { version: 0, payloadSize: 1232, dnssecOk: true }],
  );
  assert.equal(
    writeQuestion('www.example.com', 1, 1).toString('hex'),
    '0377777707' + '6578616d706c65' + '03636f6d0000010001',
  );
});
