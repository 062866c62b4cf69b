import assert from 'node:assert/strict';
import { duplexPair } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { SpdySession, type SpdySessionOptions } from './session.ts';
import type { SpdyStream } from './stream.ts';
import { TestClient, until } from './testing.ts';

interface World {
  readonly client: TestClient;
  readonly streams: SpdyStream[];
  readonly served: Promise<void>;
}

function start(t: TestContext, options: Partial<SpdySessionOptions> = {}): World {
  const [ours, theirs] = duplexPair();
  const streams: SpdyStream[] = [];
  const session = new SpdySession(ours, { onStream: (stream) => void streams.push(stream), ...options });
  const served = session.serve();
  served.catch(() => undefined);
  const client = new TestClient(theirs);
  t.after(() => theirs.destroy());
  return { client, streams, served };
}

const echo = (stream: SpdyStream): void => void stream.pipe(stream);

test('a stream is answered, carries data both ways, and each side ends its own', async (t) => {
  const { client, streams } = start(t);
  const id = client.open({ port: '80' });
  await until('the reply', () => client.of(id).replied);
  const stream = streams[0] ?? assert.fail();
  assert.deepEqual(stream.headers, { port: '80' });
  client.send(id, 'ping');
  client.end(id);
  let got = '';
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) got += String(chunk);
  assert.equal(got, 'ping');
  assert.equal(stream.destroyed, false);
  stream.end('pong');
  await until('the end', () => client.of(id).ended);
  assert.deepEqual(client.of(id), { text: 'pong', ended: true, reset: false, replied: true });
});

test('many streams at once do not mix', async (t) => {
  const { client } = start(t, { onStream: echo });
  const ids = Array.from({ length: 200 }, (_none, index) => client.open({ n: String(index) }));
  for (const id of ids) client.send(id, `hello ${id}`);
  for (const id of ids) client.end(id);
  await until('all ends', () => ids.every((id) => client.of(id).ended));
  for (const id of ids) assert.equal(client.of(id).text, `hello ${id}`);
});

test('a stream that breaks is reset, and the others go on', async (t) => {
  const { client, streams } = start(t);
  const [first, second] = [client.open({}), client.open({})];
  await until('both', () => streams.length === 2);
  streams[0]?.destroy(new Error('broken'));
  await until('the reset', () => client.of(first).reset);
  client.send(first, 'to nobody');
  echo(streams[1] ?? assert.fail());
  client.send(second, 'still here');
  await until('the echo', () => client.of(second).text === 'still here');
});

test('a stream that the client resets is gone for its reader, without an answer', async (t) => {
  const { client, streams } = start(t);
  const id = client.open({});
  await until('the stream', () => streams.length === 1);
  client.reset(id);
  await until('its end', () => streams[0]?.destroyed === true);
  assert.equal(client.of(id).reset, false);
});

test('what is refused is reset', async (t) => {
  const { client, streams } = start(t, { maxStreams: 1 });
  const [first, second] = [client.open({}), client.open({})];
  await until('the refusal', () => client.of(second).reset);
  assert.equal(client.of(first).replied, true);
  assert.equal(streams.length, 1);
});

test("the client's pings come back, ours do not", async (t) => {
  const { client } = start(t);
  client.ping(2);
  client.ping(7);
  await until('the answer', () => client.pings.length > 0);
  assert.deepEqual(client.pings, [7]);
});

test('a slow reader holds the client back at the budget; nothing is lost', async (t) => {
  const { client, streams } = start(t, { budgetBytes: 256 * 1024 });
  const id = client.open({});
  const block = Buffer.alloc(64 * 1024, 'x');
  for (let index = 0; index < 64; index += 1) client.send(id, block);
  client.end(id);
  await until('the stream', () => (streams[0]?.readableLength ?? 0) > 256 * 1024);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok((streams[0]?.readableLength ?? 0) < 512 * 1024, `${streams[0]?.readableLength} bytes wait`);
  let bytes = 0;
  for await (const chunk of streams[0] ?? []) bytes += (chunk as Buffer).length;
  assert.equal(bytes, 64 * block.length);
});

test('a reader that never reads loses its stream, and the others go on', async (t) => {
  const { client, streams } = start(t, { budgetBytes: 64 * 1024, stallMs: 50 });
  const [stuck, other] = [client.open({}), client.open({})];
  await until('both', () => streams.length === 2);
  echo(streams[1] ?? assert.fail());
  client.send(stuck, Buffer.alloc(256 * 1024));
  client.send(other, 'me too');
  await until('the reset', () => client.of(stuck).reset);
  await until('the echo', () => client.of(other).text === 'me too');
});

test('a slow client makes writers wait', async (t) => {
  const { client, streams } = start(t);
  client.open({});
  await until('the stream', () => streams.length === 1);
  client.transport.pause();
  const stream = streams[0] ?? assert.fail();
  let written = 0;
  while (written < 10_000 && stream.write(Buffer.alloc(16 * 1024))) written += 1;
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(written < 100, `${written} blocks were taken`);
  client.transport.resume();
  await new Promise((resolve) => stream.once('drain', resolve));
});

test('the end of the connection ends all streams', async (t) => {
  const { client, streams, served } = start(t);
  client.open({});
  await until('the stream', () => streams.length === 1);
  client.transport.destroy();
  await served;
  assert.equal(streams[0]?.destroyed, true);
});

test('a client that breaks the protocol is cut off', async (t) => {
  const { client, served } = start(t);
  client.transport.write(Buffer.from('8002000100000004', 'hex'));
  await assert.rejects(served, { name: 'SpdyError' });
  await until('the cut', () => client.transport.destroyed || client.transport.readableEnded);
});
