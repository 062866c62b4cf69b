/** The whole server over loopback, asked by another implementation of DNS: Node's own resolver (c-ares). */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { Resolver as NodeResolver } from 'node:dns/promises';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { createDnsMetrics } from './metrics/dns-metrics.ts';
import { ChangeStamps } from './change-stamps.ts';
import { createResolver } from './resolver.ts';
import { startDnsServer, type DnsServer } from './server.ts';
import { objects, slices } from './testing/cluster.ts';
import { startUpstream, type FakeUpstream } from './testing/upstream.ts';
import { createForwarder } from './upstream/forwarder.ts';
import { createZone } from './zone/zone.ts';

let upstream: FakeUpstream;
let stub: FakeUpstream;
let server: DnsServer;
let asker: NodeResolver;
let namespaceOf: (ip: string) => string | undefined = () => undefined;
const metrics = createDnsMetrics();
const stamps = new ChangeStamps();
const many = Array.from({ length: 60 }, (_, index) => `192.0.2.${index}`);

before(async () => {
  upstream = await startUpstream({ 'example.org': ['192.0.2.1'], 'many.example': many, 'example.org.shop': [] });
  stub = await startUpstream({ 'db.corp': ['192.0.2.9'] });
  const zone = createZone({ zone: 'cluster.local', objects, ttl: 5, isCurrent: () => true, serial: () => 7 });
  const forwarder = createForwarder({
    // The first one is dead: nobody listens there.
    servers: [{ address: '127.0.0.1', port: 9 }, upstream.server],
    stubDomains: new Map([['corp', [stub.server]]]),
    metrics,
  });
  const resolver = createResolver({ zone, forwarder, metrics, namespaceOf: (ip) => namespaceOf(ip) });
  const freshness = {
    epoch: () => 1,
    slotOf: (service: string | undefined) => stamps.slotOf(service),
    stamp: (slot: number) => stamps.stamp(slot),
  };
  server = await startDnsServer({ host: '127.0.0.1', port: 0, resolver, metrics, freshness });
  asker = new NodeResolver({ timeout: 5000, tries: 1 });
  asker.setServers([`127.0.0.1:${server.port}`]);
});

after(async () => {
  await server.close();
  upstream.close();
  stub.close();
});

beforeEach(() => {
  upstream.asked.length = 0;
  namespaceOf = () => undefined;
});

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'answered',
    (error: NodeJS.ErrnoException) => error.code ?? 'failed',
  );

test('the records of the cluster', async () => {
  assert.deepEqual(await asker.resolve4('web.shop.svc.cluster.local'), ['10.46.0.9']);
  assert.deepEqual(await asker.resolve6('WEB.shop.svc.cluster.local'), ['fd00:46::9']);
  assert.deepEqual(await asker.resolveSrv('_dns._udp.web.shop.svc.cluster.local'), [
    { name: 'web.shop.svc.cluster.local', port: 53, priority: 0, weight: 100, type: 'SRV' },
  ]);
  assert.deepEqual(await asker.resolveTxt('dns-version.cluster.local'), [['1.1.0']]);
  assert.deepEqual(await asker.reverse('10.46.0.9'), ['web.shop.svc.cluster.local']);
  assert.equal((await asker.resolveSoa('cluster.local')).nsname, 'ns.dns.cluster.local');
  assert.equal(await codeOf(asker.resolve4('nobody.shop.svc.cluster.local')), 'ENOTFOUND');
  assert.equal(await codeOf(asker.resolve4('shop.svc.cluster.local')), 'ENODATA');
});

test('several addresses take turns at the first place', async () => {
  const first = new Set<string | undefined>();
  for (let index = 0; index < 4; index += 1) first.add((await asker.resolve4('db.shop.svc.cluster.local'))[0]);
  assert.deepEqual([...first].sort(), ['10.45.1.3', '10.45.2.4']);
});

test('a change is seen by the next question', async () => {
  assert.equal((await asker.resolve4('db.shop.svc.cluster.local')).length, 2);
  const [slice] = slices.filter(({ metadata }) => metadata.name === 'db-1');
  assert.ok(slice?.endpoints);
  const removed = slice.endpoints.shift();
  stamps.touch('shop/db');
  assert.deepEqual(await asker.resolve4('db.shop.svc.cluster.local'), ['10.45.2.4']);
  if (removed !== undefined) slice.endpoints.unshift(removed);
  stamps.touch('shop/db');
});

test('names of others: the next server when one is dead, kept afterwards, no such name, cut answers by TCP', async () => {
  assert.deepEqual(await asker.resolve4('example.org'), ['192.0.2.1']);
  assert.deepEqual(await asker.resolve4('EXAMPLE.org'), ['192.0.2.1']);
  assert.deepEqual(upstream.asked, ['udp example.org']);
  assert.equal(await codeOf(asker.resolve4('nobody.example')), 'ENOTFOUND');
  assert.equal((await asker.resolve4('many.example')).length, 60);
  assert.ok(upstream.asked.includes('tcp many.example'));
});

test('a stub domain has servers of its own', async () => {
  assert.deepEqual(await asker.resolve4('db.corp'), ['192.0.2.9']);
  assert.deepEqual(upstream.asked, []);
});

test('nobody answers: a failure in bounded time', async () => {
  const answer = await datagram(
    Buffer.from('abcd01000001000000000000 046d757465 00 0001 0001'.replaceAll(' ', ''), 'hex'),
    20_000,
  );
  assert.equal((answer?.[3] ?? 0) & 0xf, 2);
});

test('an ExternalName comes with what it leads to, inside the cluster or not', async () => {
  assert.deepEqual(await asker.resolve4('far.shop.svc.cluster.local'), ['192.0.2.1']);
  assert.deepEqual(await asker.resolve4('alias.shop.svc.cluster.local'), ['10.46.0.9']);
  assert.deepEqual(await asker.resolveCname('far.shop.svc.cluster.local'), ['example.org']);
});

test('the search list of a pod is walked here, for pods of that namespace only', async () => {
  assert.equal(await codeOf(asker.resolve4('example.org.shop.svc.cluster.local')), 'ENOTFOUND');
  namespaceOf = () => 'shop';
  assert.deepEqual(await asker.resolve4('example.org.shop.svc.cluster.local'), ['192.0.2.1']);
  assert.deepEqual(await asker.resolve4('web.shop.shop.svc.cluster.local'), ['10.46.0.9']);
  assert.equal(await codeOf(asker.resolve4('nobody.example.shop.svc.cluster.local')), 'ENOTFOUND');
  upstream.asked.length = 0;
  assert.equal(await codeOf(asker.resolve4('mistyped.shop.svc.cluster.local')), 'ENOTFOUND');
  assert.deepEqual(upstream.asked, [], 'others are not asked for a mistyped Service');
  namespaceOf = () => 'quiet';
  assert.equal(await codeOf(asker.resolve4('example.org.shop.svc.cluster.local')), 'ENOTFOUND');
});

async function datagram(message: Buffer, waitMs = 200): Promise<Buffer | undefined> {
  const socket = createSocket('udp4');
  try {
    socket.send(message, server.port, '127.0.0.1');
    const [answer] = (await once(socket, 'message', { signal: AbortSignal.timeout(waitMs) })) as [Buffer];
    return answer;
  } catch {
    return undefined;
  } finally {
    socket.close();
  }
}

test('nonsense is answered by FORMERR or not at all, and harms nobody', async () => {
  assert.equal(await datagram(Buffer.from('ab')), undefined);
  assert.equal(await datagram(Buffer.from('abcd81000001000000000000', 'hex')), undefined);
  const formerr = await datagram(Buffer.from('abcd010000010000000000000377', 'hex'));
  assert.equal(formerr?.toString('hex'), 'abcd80010000000000000000');
  const notify = await datagram(Buffer.from('abcd2100000100000000000000 0001 0001'.replaceAll(' ', ''), 'hex'));
  assert.equal((notify?.[3] ?? 0) & 0xf, 4);
  const chaos = await datagram(Buffer.from('abcd01000001000000000000 00 0010 0003'.replaceAll(' ', ''), 'hex'));
  assert.equal((chaos?.[3] ?? 0) & 0xf, 5);
  assert.deepEqual(await asker.resolve4('web.shop.svc.cluster.local'), ['10.46.0.9']);
});

test('a stream carries several questions, also in pieces', async () => {
  const question = Buffer.from(
    'abcd0100000100000000000003776562 0473686f70 03737663 07636c7573746572 056c6f63616c 00 0001 0001'.replaceAll(
      ' ',
      '',
    ),
    'hex',
  );
  const framed = Buffer.concat([Buffer.from([0, question.length]), question]);
  const socket = connect(server.port, '127.0.0.1');
  let received = 0;
  socket.on('data', (chunk) => (received += chunk.length));
  socket.write(framed.subarray(0, 5));
  await new Promise((resolve) => setTimeout(resolve, 20));
  socket.write(Buffer.concat([framed.subarray(5), framed]));
  const expected = 2 * (2 + question.length + 16);
  for (let turn = 0; turn < 200 && received < expected; turn += 1)
    await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(received, expected);
  socket.destroy();
});

test('metrics count by transport and code', () => {
  const text = metrics.text();
  assert.match(text, /coredns_dns_requests_total\{[^}]*proto="udp",family="1",type="A"\} [1-9]/);
  assert.match(text, /coredns_dns_responses_total\{[^}]*rcode="NXDOMAIN",plugin="kubernetes"\} [1-9]/);
  assert.match(text, /coredns_dns_request_duration_seconds_bucket\{[^}]*le="0.00025"\} [1-9]/);
  assert.match(
    text,
    /coredns_proxy_request_duration_seconds_count\{proxy_name="forward",to="127.0.0.1:\d+",rcode="NOERROR"\} [1-9]/,
  );
  assert.match(text, /coredns_cache_hits_total\{[^}]*type="success"\} [1-9]/);
  assert.match(text, /coredns_autopath_success_total\{[^}]*\} [1-9]/);
});
