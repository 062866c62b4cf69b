import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { createFakeRuntime } from '../testing/fake-runtime.ts';
import { runProbe } from './probe-target.ts';

/** Answers by the service that is asked for; silent for `slow`. */
let server: Http2Server;
let port: number;

/** As they stand in health.proto; `refused` is answered by status 5, NOT_FOUND, without a message. */
const answers: Readonly<Record<string, Buffer>> = {
  '': Buffer.from([0, 0, 0, 0, 2, 0x08, 1]),
  sick: Buffer.from([0, 0, 0, 0, 2, 0x08, 2]),
};

before(async () => {
  server = createServer();
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    const chunks: Buffer[] = [];
    stream.on('error', () => undefined);
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      const body = Buffer.concat(chunks);
      assert.equal(headers[':path'], '/grpc.health.v1.Health/Check');
      assert.equal(body.readUInt32BE(1), body.length - 5);
      const service = body.subarray(7).toString();
      if (service === 'slow') return;
      const answer = answers[service];
      if (answer === undefined) return stream.respond({ 'grpc-status': '5' }, { endStream: true });
      stream.respond({ 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(answer);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ({ port } = server.address() as AddressInfo);
});

after(() => server.close());

const cases: readonly [service: string | undefined, ok: boolean, output: RegExp][] = [
  [undefined, true, /^$/],
  ['', true, /^$/],
  ['sick', false, /NOT_SERVING/],
  ['nobody', false, /gRPC status 5/],
  ['slow', false, /no answer within 1 s/],
];

for (const [service, ok, output] of cases) {
  test(`a gRPC probe of ${service ?? 'the server'}: ${ok ? 'well' : 'not well'}`, async () => {
    const target = { runtime: createFakeRuntime(), containerId: '', container: { name: 'main' }, podIP: '127.0.0.1' };
    const outcome = await runProbe({ grpc: { port, ...(service !== undefined && { service }) } }, target);
    assert.equal(outcome.ok, ok, outcome.output);
    assert.match(outcome.output, output);
  });
}

test('a gRPC probe of a port where nobody listens fails', async () => {
  const target = { runtime: createFakeRuntime(), containerId: '', container: { name: 'main' }, podIP: '127.0.0.1' };
  assert.equal((await runProbe({ grpc: { port: 1 } }, target)).ok, false);
});
