/** What the nftables mode owes beyond the packet cases: what it writes and when, what others break, what survives. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { silentLogger } from '../../src/api/logger.ts';
import { printChanges } from '../../src/kernel/change.ts';
import type { Exec } from '../../src/kernel/exec.ts';
import { ipv4 } from '../../src/kernel/family.ts';
import type { BackEnd } from '../../src/proxy/back-end.ts';
import { nftablesMode } from '../../src/proxy/nftables/index.ts';
import type { Endpoint, ServicePort } from '../../src/proxy/model/service-port.ts';
import { eventually, Place } from './node-lab.ts';
import { Server } from './servers.ts';

const noRoot = process.getuid?.() === 0 ? false : 'needs root for network namespaces';

let place: Place;
let abort = new AbortController();

before(async () => {
  if (noRoot === false) place = await Place.make();
});
afterEach(async () => {
  abort.abort();
  abort = new AbortController();
  if (noRoot === false) await place.exec.sh('nft flush ruleset');
});
after(async () => place?.end());

const endpoints = (count: number, first = 0): Endpoint[] =>
  Array.from({ length: count }, (_, index) => ({
    ip: `10.77.1.${index + first + 2}`,
    port: 8080,
    local: index === 0,
    pod: `default/web-${index + first}`,
  }));

function port(name: string, more: Partial<ServicePort> = {}): ServicePort {
  const list = more.endpoints ?? endpoints(2);
  return {
    name: `${name}:http`,
    service: name,
    protocol: 'tcp',
    port: 80,
    clusterIPs: ['10.78.0.1'],
    externalIPs: [],
    loadBalancerIPs: [],
    sourceRanges: undefined,
    nodePort: undefined,
    internalPolicy: 'Cluster',
    externalPolicy: 'Cluster',
    affinitySeconds: undefined,
    endpoints: list,
    localEndpoints: list.filter(({ local }) => local),
    serving: list,
    ...more,
  };
}

/** Transactions that were written through the long-lived nft, and those through one of their own. */
const transactions: string[] = [];
const loads: string[] = [];
const counting: Exec = {
  run: (command) => place.exec.run(command),
  start: async (options) => {
    const child = await place.exec.start(options);
    const { stdin } = child;
    const write = stdin?.write.bind(stdin) as ((text: string) => boolean) | undefined;
    const end = stdin?.end.bind(stdin) as ((text: string) => typeof stdin) | undefined;
    if (stdin !== undefined && end !== undefined && options.argv.includes('-f'))
      stdin.end = (text: unknown) => {
        loads.push(String(text));
        return end(String(text)) ?? stdin;
      };
    if (stdin !== undefined && write !== undefined && options.argv.includes('-i'))
      stdin.write = (text: string) => {
        transactions.push(text.split('\n')[0] ?? '');
        return write(text);
      };
    return child;
  },
};

/** A back end with its table: `set` changes one Service and says what was written. */
function start(): {
  readonly backEnd: BackEnd;
  readonly set: (...ports: readonly ServicePort[]) => Promise<string>;
  readonly load: () => Promise<string>;
} {
  const table = new Map<string, readonly ServicePort[]>();
  const settings = { nodeName: 'node-a', clusterCIDR: '10.77.0.0/16', nodePortAddresses: undefined };
  const backEnd = nftablesMode.create({
    exec: counting,
    family: ipv4,
    settings,
    logger: silentLogger,
    signal: abort.signal,
  });
  const load = async (): Promise<string> => printChanges(await backEnd.sync({ table, changes: undefined }));
  return {
    backEnd,
    load,
    set: async (...ports) => {
      const key = ports[0]?.service ?? '';
      const previous = table.get(key) ?? [];
      table.set(key, ports);
      const changes = [{ key, before: previous, after: ports }];
      return printChanges(await backEnd.sync({ table, changes }));
    },
  };
}

const listing = (): Promise<string> => place.exec.sh('nft list ruleset');
test('nothing is missing here, and what is missing would be named', { skip: noRoot }, async () => {
  assert.deepEqual(await nftablesMode.missing(place.exec, ipv4), []);
  assert.doesNotMatch(await listing(), /podwire/, 'asking leaves nothing');
  place.exec.interfere = ({ argv }) => (argv[0] === 'nft' ? new Error('spawn nft ENOENT') : undefined);
  await assert.rejects(nftablesMode.missing(place.exec, ipv4), /ENOENT/);
  place.exec.interfere = undefined;
});

test('started again, it takes over what is there and writes nothing', { skip: noRoot }, async () => {
  const first = start();
  await first.load();
  await first.set(port('default/web', { endpoints: endpoints(3), nodePort: 30080, externalIPs: ['192.0.2.1'] }));
  await first.set(port('default/far', { clusterIPs: ['10.78.0.2'], nodePort: 30081, externalPolicy: 'Local' }));
  await first.set(port('default/kept', { clusterIPs: ['10.78.0.3'], affinitySeconds: 3661 }));
  await first.set(
    port('default/few', { clusterIPs: ['10.78.0.4'], loadBalancerIPs: ['192.0.2.9'], sourceRanges: ['192.0.2.0/24'] }),
  );
  await first.set(port('default/none', { clusterIPs: ['10.78.0.5'], endpoints: [] }));
  await first.set(port('default/many', { clusterIPs: ['10.78.0.6'], endpoints: endpoints(40) }));
  const table = new Map(
    [
      port('default/web', { endpoints: endpoints(3).toReversed(), nodePort: 30080, externalIPs: ['192.0.2.1'] }),
      port('default/far', { clusterIPs: ['10.78.0.2'], nodePort: 30081, externalPolicy: 'Local' }),
      port('default/kept', { clusterIPs: ['10.78.0.3'], affinitySeconds: 3661 }),
      port('default/few', {
        clusterIPs: ['10.78.0.4'],
        loadBalancerIPs: ['192.0.2.9'],
        sourceRanges: ['192.0.2.0/24'],
      }),
      port('default/none', { clusterIPs: ['10.78.0.5'], endpoints: [] }),
      port('default/many', { clusterIPs: ['10.78.0.6'], endpoints: endpoints(40).toReversed() }),
    ].map((one) => [one.service, [one]]),
  );
  abort.abort();
  abort = new AbortController();
  const before = await listing();
  const second = start();
  assert.equal(printChanges(await second.backEnd.sync({ table, changes: undefined })), '');
  assert.equal(await listing(), before);
  assert.equal(printChanges(await second.backEnd.audit()), '');
});

test('one endpoint of many changed is one element, in one transaction', { skip: noRoot }, async () => {
  const { load, set } = start();
  await load();
  await set(port('default/web', { endpoints: endpoints(10) }));
  const before = transactions.length;
  const others = endpoints(10).with(4, { ip: '10.77.9.9', port: 8080, local: false, pod: 'default/new' });
  assert.equal(
    await set(port('default/web', { endpoints: others })),
    'rewrite ip endpoints-32 10.78.0.1 . 6 . 80 . 4: default/web:http -> default/new',
  );
  assert.equal(transactions.length, before + 1);
});

test('what shrinks leaves its endpoints a moment longer than its verdict', { skip: noRoot }, async () => {
  const { load, set } = start();
  await load();
  await set(port('default/web', { endpoints: endpoints(3) }));
  await set(port('default/web', { endpoints: endpoints(2) }));
  await eventually('removed', async () => !(await listing()).includes('10.77.1.4'));
  assert.match(await listing(), /goto cluster-2/);
  // It comes back while it is still left over, as another one.
  await Promise.all([
    set(port('default/web', { endpoints: endpoints(1) })),
    set(port('default/web', { endpoints: endpoints(4) })),
    set(port('default/web', { endpoints: endpoints(2, 7) })),
    set(port('default/web', { endpoints: endpoints(5) })),
  ]);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const map = await place.exec.sh('nft list map ip podwire-services endpoints-32');
  assert.equal([...map.matchAll(/10\.77\.1\.\d+ \. 8080/g)].length, 5);
  assert.match(await listing(), /goto cluster-5/);
});

test('every element, rule, chain and map says whom it is for', { skip: noRoot }, async () => {
  const { load, set } = start();
  await load();
  const long = `${'n'.repeat(63)}/${'s'.repeat(63)}`;
  await set(port('default/web', { nodePort: 30080, endpoints: endpoints(2) }));
  await set(
    port(long, { clusterIPs: ['10.78.0.2'], affinitySeconds: 10, endpoints: [{ ...endpoints(1)[0]!, pod: long }] }),
  );
  const lines = (await listing()).split('\n').filter((line) => line.startsWith('\t\t'));
  const plain = /^\t\t(type|typeof|flags|size|timeout|elements = \{ 10\S+ expires)/;
  for (const line of lines) if (!plain.test(line)) assert.match(line, /comment "[^"]{2,127}"/, line);
});

test('flushed, deleted, inserted by somebody else: put right within a second, and told', { skip: noRoot }, async () => {
  const { backEnd, load, set } = start();
  await load();
  const web = port('default/web', { endpoints: endpoints(3), nodePort: 30080 });
  await set(web);
  const told: string[] = [];
  backEnd.watch?.(() => void backEnd.audit().then((changes) => changes.length > 0 && told.push(printChanges(changes))));
  await eventually('listening', async () => place.exec.commands.some((command) => command.includes('socat')));
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const whole = await listing();
  const table = 'ip podwire-services';
  const breaks = [
    'nft flush ruleset',
    `nft delete element ${table} services { 10.78.0.1 . tcp . 80 }`,
    `nft delete element ${table} endpoints-32 { 10.78.0.1 . tcp . 80 . 1 }`,
    `nft flush chain ${table} prerouting`,
    `nft flush chain ${table} cluster-3`,
    `nft insert rule ${table} services drop`,
    `nft add element ${table} node-ports { tcp . 22 : drop }`,
    `nft flush map ${table} node-ports`,
    `nft add chain ${table} strange`,
  ];
  for (const command of breaks) {
    const count = told.length;
    await place.exec.sh(command);
    const started = Date.now();
    await eventually(`repaired after ${command}`, async () => told.length > count, 10_000);
    assert.ok(Date.now() - started < 1000, `${command}: ${Date.now() - started} ms`);
    const ordered = (text: string): string[] =>
      text
        .split('\n')
        // A table that is replaced has its hooks a step behind the old one's.
        .map((line) => line.trim().replace(/^elements = \{ |[,}]?\s*}?$|(?<=priority )(dstnat( \+ \d+)?|-\d+)/g, ''))
        .sort();
    await eventually('whole', async () => ordered(await listing()).join() === ordered(whole).join());
  }
  const count = told.length;
  await set(port('default/web', { endpoints: endpoints(2), nodePort: 30080 }));
  await set(web);
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(told.length, count, `our own writes are nobody else's: ${told.slice(count).join()}`);
});

/** Clients that affinity remembers, by set. */
const remembered = async (): Promise<string[]> =>
  [...(await listing()).matchAll(/set (affinity\S*) \{[^}]*elements = \{ (\S+) expires/g)].map(
    ([, set, client]) => `${set} ${client}`,
  );

/** The same table of an older layout, its hooks behind those that are there: the size of a map cannot be changed, only made anew. */
async function writeOlder(whole: string): Promise<void> {
  const [, priority = 'none'] = /hook output priority (-\d+)/.exec(await listing()) ?? [];
  const older = whole
    .replace(/(map ip podwire-services outside \{ [^;]*;)/, '$1 size 1000;')
    .replaceAll(/(hook (?:output|prerouting) priority) [^;]+;/g, `$1 ${Number(priority) + 1};`);
  assert.match(older, /size 1000/);
  const stdin = `add table ip podwire-services\ndelete table ip podwire-services\n${older.replace(/^delete.*/m, '')}`;
  await place.exec.run({ argv: ['nft', '-f', '-'], stdin });
}

test(
  'a table of another layout is replaced in one step: nobody is refused, no client forgets its endpoint',
  { skip: noRoot },
  async () => {
    const addresses = ['10.77.1.2', '10.77.1.3'].map((ip) => `address add ${ip}/32 dev lo`);
    await place.exec.batch([...addresses, 'route add 10.78.0.0/16 dev lo']);
    const server = await Server.start(place, undefined, 'somebody', { tcp: [8080], udp: [] });
    const ports = [port('default/web'), port('default/kept', { clusterIPs: ['10.78.0.3'], affinitySeconds: 3600 })];
    const table = new Map(ports.map((one) => [one.service, [one]]));
    try {
      await start().backEnd.sync({ table, changes: undefined });
      const whole = loads.at(-1) ?? '';
      const ask = { protocol: 'tcp', port: 80, timeoutMs: 5000, times: 1, forMs: 5000 } as const;
      let isOver = false;
      const asked = server
        .ask(['10.78.0.1', '10.78.0.3'].map((address) => ({ ...ask, address })))
        .finally(() => (isOver = true));
      let carried = 0;
      let rounds = 0;
      for (; !isOver && rounds < 35; rounds += 1) {
        await writeOlder(whole);
        const [before, count] = [await remembered(), loads.length];
        abort.abort();
        abort = new AbortController();
        const changes = printChanges(await start().backEnd.sync({ table, changes: undefined }));
        assert.match(changes, /^load table ip podwire-services: its maps or chains were others/);
        assert.equal(loads.length, count + 1, 'one transaction');
        assert.doesNotMatch(await listing(), /size 1000/);
        const now = await remembered();
        for (const one of before) assert.ok(now.includes(one), `${one} is not among ${now.join()}`);
        carried += before.length;
      }
      const answers = (await asked).flat();
      assert.ok(rounds >= 2 && carried > 0 && answers.length > 100, `${rounds} ${carried} ${answers.length}`);
      assert.deepEqual(new Set(answers.map((one) => one.split(' ')[0])), new Set(['somebody']));
    } finally {
      await server.end();
    }
  },
);

test('a table that goes while another mode serves: nobody is refused', { skip: noRoot }, async () => {
  await place.exec.batch(['address replace 10.77.1.2/32 dev lo', 'route replace 10.78.0.0/16 dev lo']);
  const server = await Server.start(place, undefined, 'somebody', { tcp: [8080], udp: [] });
  const other = 'iptables -w -t nat -A OUTPUT -d 10.78.0.1 -p tcp --dport 80 -j DNAT --to-destination 10.77.1.2:8080';
  await place.exec.sh(other);
  try {
    let isOver = false;
    const asked = server
      .ask([{ protocol: 'tcp', address: '10.78.0.1', port: 80, timeoutMs: 5000, times: 1, forMs: 2000 }])
      .finally(() => (isOver = true));
    let rounds = 0;
    for (; !isOver; rounds += 1) {
      const { load, set } = start();
      await load();
      await set(port('default/web'));
      await nftablesMode.cleanUp(place.exec, ipv4);
      abort.abort();
      abort = new AbortController();
    }
    const [answers = []] = await asked;
    assert.ok(rounds >= 2 && answers.length > 100, `${rounds} ${answers.length}`);
    assert.deepEqual(new Set(answers.map((one) => one.split(' ')[0])), new Set(['somebody']));
  } finally {
    await place.exec.sh(other.replace(' -A ', ' -D '));
    await server.end();
  }
});

test('killed in the middle, what is there is taken over', { skip: noRoot }, async () => {
  const { load, set } = start();
  await load();
  await set(port('default/web', { endpoints: endpoints(5) }));
  // The first transaction of a shrink, and no second.
  const shrunk = set(port('default/web', { endpoints: endpoints(2) }));
  await shrunk;
  abort.abort();
  abort = new AbortController();
  assert.match(await listing(), /10\.77\.1\.6/);
  const again = start();
  const table = new Map([['default/web', [port('default/web', { endpoints: endpoints(2) })]]]);
  const changes = await again.backEnd.sync({ table, changes: undefined });
  assert.deepEqual(new Set(changes.map(({ action }) => action)), new Set(['delete']));
  await eventually('gone', async () => !/10\.77\.1\.6/.test(await listing()));
});

test(
  'a kernel that refuses leaves all as it was, and the next sync begins from what is there',
  { skip: noRoot },
  async () => {
    const { load, set } = start();
    await load();
    await set(port('default/web'));
    await place.exec.sh('nft delete map ip podwire-services outside').catch(() => undefined);
    await place.exec.sh('nft flush map ip podwire-services services');
    await assert.rejects(set(port('default/web', { endpoints: [] })), /No such file/);
    assert.match(await load(), /add ip services 10\.78\.0\.1/);
    assert.match(await listing(), /goto refuse/);
  },
);

test('cleaned up, only what is ours is gone', { skip: noRoot }, async () => {
  await place.exec.sh('nft add table ip podwire-other');
  await start().load();
  assert.equal((await nftablesMode.cleanUp(place.exec, ipv4)).length, 1);
  assert.equal((await nftablesMode.cleanUp(place.exec, ipv4)).length, 0);
  assert.equal((await listing()).trim(), 'table ip podwire-other {\n}');
});
