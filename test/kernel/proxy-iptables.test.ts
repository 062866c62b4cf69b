/** The iptables mode against the kernel: both variants of the tools and both families, each in a namespace of its own. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { silentLogger } from '../../src/api/logger.ts';
import type { Command, Exec } from '../../src/kernel/exec.ts';
import { ipv4, ipv6, type Family } from '../../src/kernel/family.ts';
import type { BackEnd } from '../../src/proxy/back-end.ts';
import { iptablesMode } from '../../src/proxy/iptables/index.ts';
import type { ServicePort, Table } from '../../src/proxy/model/service-port.ts';
import { manyServices } from '../../src/proxy/testing/many-services.ts';
import { eventually, Place } from './node-lab.ts';

const noRoot = process.getuid?.() === 0 ? false : 'needs root for network namespaces';
const abort = new AbortController();
const places: Place[] = [];

after(async () => {
  abort.abort();
  for (const place of places) await place.end();
});

type Variant = 'nft' | 'legacy';

/** A place whose plain tools are those of one variant, as Debian's alternatives make them. */
async function makePlace(variant: Variant): Promise<{ place: Place; exec: Exec; restored: string[] }> {
  const place = await Place.make();
  places.push(place);
  const restored: string[] = [];
  const toolOf = (word: string): string => word.replace(/^(ip6?tables)-(save|restore)$/, `$1-${variant}-$2`);
  const run = (command: Command) => {
    const argv = command.argv.map(toolOf) as [string, ...string[]];
    if (/-restore$/.test(argv[0]) && command.stdin !== undefined) restored.push(command.stdin);
    return place.exec.run({ ...command, argv });
  };
  return { place, exec: { run, start: (options) => place.exec.start(options) }, restored };
}

const address = (family: Family, v4: string): string =>
  family.version === 4 ? v4 : `fd00::${v4.replaceAll('.', ':')}`;

/** Every feature once. The same in both families, but for the addresses. */
function everything(family: Family): readonly ServicePort[] {
  const at = (v4: string): string => address(family, v4);
  const pod = (last: number, local: boolean) => {
    return { ip: at(`10.77.1.${last}`), port: 8080, local, pod: `default/pod-${last}` };
  };
  const all = [pod(2, true), pod(3, false), pod(4, false)];
  const port = (name: string, last: number, more: Partial<ServicePort> = {}): ServicePort => ({
    ...{ name: `default/${name}`, service: `default/${name}`, protocol: 'tcp', port: 80, nodePort: undefined },
    ...{ clusterIPs: [at(`10.96.0.${last}`)], externalIPs: [], loadBalancerIPs: [], sourceRanges: undefined },
    ...{ internalPolicy: 'Cluster', externalPolicy: 'Cluster', affinitySeconds: undefined },
    ...{ endpoints: all, localEndpoints: all.slice(0, 1), serving: all },
    ...more,
  });
  const range = family.version === 4 ? '192.0.2.0/24' : '2001:db8::/32';
  return [
    port('plain', 1),
    port('datagrams', 2, { protocol: 'udp' }),
    port('streams', 3, { protocol: 'sctp', nodePort: 30_003 }),
    port('node-port', 4, { nodePort: 30_004, externalIPs: [at('203.0.113.4')] }),
    port('local', 5, { nodePort: 30_005, externalPolicy: 'Local', internalPolicy: 'Local' }),
    port('sticky', 6, { affinitySeconds: 10_800, nodePort: 30_006 }),
    port('guarded', 7, { loadBalancerIPs: [at('203.0.113.7')], sourceRanges: [range], externalPolicy: 'Local' }),
    port('nobody', 8, { endpoints: [], localEndpoints: [], nodePort: 30_008, loadBalancerIPs: [at('203.0.113.8')] }),
    port('away', 9, { nodePort: 30_009, externalPolicy: 'Local', localEndpoints: [] }),
    port(`${'long-'.repeat(12)}name`, 10, {
      endpoints: Array.from({ length: 40 }, (_, index) => pod(100 + index, false)),
    }),
  ];
}

const tableOf = (ports: readonly ServicePort[]): Map<string, readonly ServicePort[]> =>
  Map.groupBy(ports, ({ service }) => service);

function createBackEnd(exec: Exec, family: Family): BackEnd {
  const clusterCIDR = family.version === 4 ? '10.77.0.0/16' : 'fd00::10:77:0:0/96';
  const nodePortAddresses = family.version === 4 ? ['192.168.0.0/16', '10.0.0.0/8'] : undefined;
  const settings = { nodeName: 'node-a', clusterCIDR, nodePortAddresses };
  return iptablesMode.create({ exec, family, settings, logger: silentLogger, signal: abort.signal });
}

const load = (backEnd: BackEnd, table: Table) => backEnd.sync({ table, changes: undefined });

for (const variant of ['nft', 'legacy'] as const) {
  for (const family of [ipv4, ipv6]) {
    test(`${variant}, ${family.name}: what was written reads back as it was written`, { skip: noRoot }, async () => {
      const { place, exec, restored } = await makePlace(variant);
      assert.deepEqual(await iptablesMode.missing(exec, family), []);
      const table = tableOf(everything(family));
      const first = createBackEnd(exec, family);
      assert.ok((await load(first, table)).length > 10);
      const count = restored.length;
      assert.deepEqual(await first.audit(), []);
      assert.deepEqual(await load(createBackEnd(exec, family), table), [], 'another process takes it over');
      assert.equal(restored.length, count, 'nothing is written');

      const saved = await place.exec.sh(`${family.tool}-${variant}-save`);
      const ours = saved.split('\n').filter((line) => line.startsWith('-A') && line.includes('PW-'));
      assert.ok(ours.length > 100);
      for (const line of ours) assert.match(line, /--comment/, line);
    });
  }

  test(
    `${variant}: a change is one restore of one chain, and what goes away leaves nothing`,
    { skip: noRoot },
    async () => {
      const { place, exec, restored } = await makePlace(variant);
      const backEnd = createBackEnd(exec, ipv4);
      const ports = manyServices(500, 2);
      const table = tableOf(ports);
      await load(backEnd, table);
      const [port] = ports;
      assert.ok(port);
      const sync = async (now: readonly ServicePort[]): Promise<readonly string[]> => {
        const before = table.get(port.service) ?? [];
        if (now.length === 0) table.delete(port.service);
        else table.set(port.service, now);
        const count = restored.length;
        const changes = await backEnd.sync({ table, changes: [{ key: port.service, before, after: now }] });
        assert.equal(restored.length, count + 1);
        return changes.map(({ action, object }) => `${action} ${object.replace(/PW-(AT|NO)-.*/, 'PW-$1')}`);
      };
      assert.deepEqual(await sync([{ ...port, endpoints: port.endpoints.slice(1) }]), ['rewrite nat PW-AT']);
      const refused = ['rewrite filter PW-REFUSE', 'rewrite nat PW-AT'];
      assert.deepEqual(await sync([{ ...port, endpoints: [], serving: [] }]), refused);
      assert.match(await place.exec.sh(`iptables-${variant}-save -t filter`), new RegExp(`${port.name}: no endpoints`));
      assert.deepEqual(await sync([port]), refused);
      assert.deepEqual(await sync([]), ['rewrite nat PW-AT']);
      assert.doesNotMatch(await place.exec.sh(`iptables-${variant}-save`), new RegExp(`${port.name}[ :]`));
      assert.deepEqual(await backEnd.audit(), []);

      assert.ok((await iptablesMode.cleanUp(exec, ipv4)).length > 10);
      assert.doesNotMatch(await place.exec.sh(`iptables-${variant}-save`), /PW-/);
    },
  );

  test(
    `${variant}: what a kernel refuses is told, and the next sync starts from what is there`,
    { skip: noRoot },
    async () => {
      const { exec } = await makePlace(variant);
      const backEnd = createBackEnd(exec, ipv4);
      const [port, other] = manyServices(2, 1);
      assert.ok(port && other);
      await load(backEnd, tableOf([port]));
      const broken: ServicePort = { ...other, endpoints: [{ ip: '10.77.1.999', port: 1, local: false, pod: '' }] };
      await assert.rejects(load(backEnd, tableOf([port, broken])), /restore/);
      assert.deepEqual(await backEnd.audit(), [], 'nobody knows what is wanted');
      assert.equal((await load(backEnd, tableOf([port, other]))).length, 1);
      assert.deepEqual(await load(createBackEnd(exec, ipv4), tableOf([port, other])), []);
    },
  );
}

test(
  'the tools were switched to the other variant: rules of ours there go once those here are in',
  { skip: noRoot },
  async () => {
    const legacy = await makePlace('legacy');
    const table = tableOf(everything(ipv4));
    await load(createBackEnd(legacy.exec, ipv4), table);
    await legacy.place.exec.sh('iptables-legacy -t nat -A PREROUTING -p tcp --dport 99 -j RETURN');
    const warnings: { message: string; first: unknown }[] = [];
    const warn = (message: string, fields?: Readonly<Record<string, unknown>>): void =>
      void warnings.push({ message, first: fields?.['first'] });
    const settings = { nodeName: 'node-a', clusterCIDR: '10.77.0.0/16', nodePortAddresses: undefined };
    const logger = { ...silentLogger, warn };
    const options = { exec: legacy.place.exec, family: ipv4, settings, logger, signal: abort.signal };
    await load(iptablesMode.create(options), table);
    assert.doesNotMatch(await legacy.place.exec.sh('iptables-legacy-save'), /PW-/);
    assert.match(await legacy.place.exec.sh('iptables-nft-save'), /PW-SERVICES/);
    const [shadow] = warnings.filter(({ first }) => first !== undefined);
    assert.match(String(shadow?.first), /nat PREROUTING .*99/, 'foreign rules there are told');
  },
);

test(
  'nft: what others change is seen by notice and put right at once; own writes are told apart',
  { skip: noRoot },
  async () => {
    const { place, exec } = await makePlace('nft');
    const backEnd = createBackEnd(exec, ipv4);
    const ports = manyServices(200, 2, (index) => ({ nodePort: 30_000 + index }));
    const table = tableOf(ports);
    const repaired: string[] = [];
    let audits = 0;
    backEnd.watch?.(() => {
      audits += 1;
      void backEnd
        .audit()
        .then((changes) => repaired.push(...changes.map(({ action, object }) => `${action} ${object}`)));
    });
    await eventually('somebody listens', async () => audits === 1);
    await load(backEnd, table);
    // What was there before somebody listened is read once.
    await backEnd.audit();
    assert.equal(repaired.length, 0);

    const saved = (): Promise<string> => place.exec.sh('iptables-save');
    const whole = (text: string): string => text.replaceAll(/^[#:].*\n/gm, '');
    const right = whole(await saved());
    const breaks = {
      'a flushed chain': ['iptables -t nat -F PW-SERVICES', 'rewrite nat PW-SERVICES'],
      'a flushed table': ['iptables -t filter -F', 'add filter FORWARD jump'],
      'a rule that was put in': ['iptables -t nat -I PW-NODEPORTS -j RETURN', 'rewrite nat PW-NODEPORTS'],
      'a jump that was deleted': ['iptables -t nat -D PREROUTING 1', 'add nat PREROUTING jump'],
      everything: ['nft flush ruleset', 'add nat PW-SERVICES'],
    };
    for (const [what, [command, change]] of Object.entries(breaks)) {
      repaired.length = 0;
      await place.exec.sh(command ?? '');
      const started = performance.now();
      await eventually(`${what} is put right`, async () => repaired.includes(change ?? ''), 10_000);
      const ms = Math.round(performance.now() - started);
      assert.equal(whole(await saved()), right, `${what}, after ${ms} ms`);
    }

    const settled = audits;
    const [port] = ports;
    assert.ok(port);
    for (const kept of [1, 2, 1, 2]) {
      const after = [{ ...port, endpoints: port.endpoints.slice(0, kept) }];
      const before = table.get(port.service) ?? [];
      table.set(port.service, after);
      await backEnd.sync({ table, changes: [{ key: port.service, before, after }] });
    }
    await place.exec.sh('iptables -t nat -N FOREIGN');
    await place.exec.sh('iptables -t nat -A FOREIGN -j RETURN');
    repaired.length = 0;
    // A notice comes after those before it: when this one has come, all others have.
    await place.exec.sh('iptables -t nat -A PW-NODEPORTS -j RETURN');
    await eventually('put right', async () => repaired.length > 0, 10_000);
    assert.equal(audits, settled + 1, 'one audit, for the last of these');
  },
);
