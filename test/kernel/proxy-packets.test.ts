/** What packets and rules do while things change: restarts, endpoints that come and go, others who break something. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { EndpointSlice, Service } from '../../src/api/types.gen.ts';
import { addresses, gateways } from '../cases/ipv4.ts';
import { clusterSlices } from '../cases/service-packets.ts';
import { nodeNames, type Party } from '../cases/world.ts';
import { CaseLab } from './case-lab.ts';
import { eventually } from './node-lab.ts';

const noRoot = process.getuid?.() === 0 ? false : 'needs root for network namespaces';

let lab: CaseLab;
const execOf = (name: 'node-a' | 'node-b') => lab.place(name).exec;
const slicesOn = (name: 'node-a' | 'node-b') => lab.informers[name].of<EndpointSlice>('endpointslices');

before(async () => {
  if (noRoot !== false) return;
  lab = await CaseLab.make('iptables-nft');
  await lab.startProxies('iptables-nft', 'default');
});

after(() => lab?.end());

/** The IPv4 slice of a Service with one port. */
function sliceOf(service: string): EndpointSlice {
  const found = clusterSlices.find(({ metadata }) => metadata.name === `${service}-ipv4-0`);
  assert.ok(found);
  return found;
}

test(
  'refusals come again and again: no node sends redirects, which would use up what they need',
  { skip: noRoot },
  async () => {
    for (let round = 0; round < 3; round += 1)
      assert.deepEqual(await lab.ask('b2', 'udp', '10.78.0.235', 53, 1), ['ECONNREFUSED']);
    for (const name of nodeNames) {
      const counters = await execOf(name).sh('nstat -a -s -z IcmpOutRedirects IcmpOutRateLimitHost');
      assert.match(counters, /IcmpOutRedirects +0 /);
      assert.match(counters, /IcmpOutRateLimitHost +0 /);
    }
  },
);

test('what was written reads back as it was written: started again, nothing is written', { skip: noRoot }, async () => {
  const counts = nodeNames.map((name) => execOf(name).commands.length);
  await lab.startProxies('iptables-nft', 'default');
  for (const [index, name] of nodeNames.entries()) {
    const since = execOf(name).commands.slice(counts[index]);
    assert.ok(since.includes('iptables-save') && since.includes('ip6tables-save'));
    assert.deepEqual(
      since.filter((command) => /^ip6?tables-restore --noflush/.test(command)),
      [],
    );
    assert.deepEqual(
      since.filter((command) => command.startsWith('conntrack -D')),
      [],
    );
  }
});

test(
  'a server that goes on sending after its client has said all is translated for an hour',
  { skip: noRoot },
  async () => {
    const name = 'net.netfilter.nf_conntrack_tcp_timeout_close_wait';
    for (const node of nodeNames)
      await eventually('set', async () => (await execOf(node).sh(`sysctl -n ${name}`)).trim() === '3600');
  },
);

test('every rule and chain that is ours says whom it is for', { skip: noRoot }, async () => {
  const saved = await execOf('node-a').sh('iptables-save');
  const ours = saved.split('\n').filter((line) => line.startsWith('-A') && line.includes('PW-'));
  assert.ok(ours.length > 60);
  for (const line of ours) assert.match(line, /--comment/, line);
  for (const [, name = ''] of saved.matchAll(/^:(PW-\S+)/gm)) assert.ok(name.length <= 28, name);
});

test('one endpoint changed: one chain is sent, and packets follow at once', { skip: noRoot }, async () => {
  const slice = sliceOf('door');
  const before = execOf('node-a').commands.length;
  const sent: string[] = [];
  execOf('node-a').interfere = ({ argv, stdin }) => {
    if (argv[0] === 'iptables-restore') sent.push(stdin ?? '');
    return undefined;
  };
  slicesOn('node-a').set({ ...slice, endpoints: slice.endpoints?.slice(0, 1) });
  await eventually('written', async () => sent.length > 0);
  execOf('node-a').interfere = undefined;
  assert.deepEqual(
    [...(sent[0] ?? '').matchAll(/^:(\S+)/gm)].map(([, name]) => name?.replace(/-[0-9a-f]{8}-/, '-HASH-')),
    ['PW-SVC-HASH-door'],
  );
  // Stale flows are looked for afterwards, and nobody waits for that.
  const forRules = execOf('node-a')
    .commands.slice(before)
    .filter((command) => !/^(conntrack|ip) /.test(command));
  assert.equal(forRules.length, 1, 'one spawn');
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual(
    new Set(await lab.ask('b1', 'tcp', addresses['node-a'], 30020, 10)),
    new Set([`a1 ${gateways['node-a']}`]),
  );
});

test('a datagram flow whose endpoint went is deleted, others stay', { skip: noRoot }, async () => {
  const slice = sliceOf('names');
  const slices = slicesOn('node-a');
  slices.set(slice);
  await lab.ask('a1', 'udp', '10.78.0.12', 53, 40);
  const flows = async (endpoint: Party): Promise<number> => {
    const argv = `conntrack -L -p udp -d 10.78.0.12 -r ${addresses[endpoint]}`;
    return (await execOf('node-a').sh(argv)).split('\n').filter((line) => line.startsWith('udp')).length;
  };
  const [toA2, toB1] = [await flows('a2'), await flows('b1')];
  assert.ok(toA2 > 0 && toB1 > 0);
  slices.set({ ...slice, endpoints: slice.endpoints?.slice(0, 1) });
  await eventually('flows to b1 deleted', async () => (await flows('b1')) === 0);
  assert.equal(await flows('a2'), toA2, 'flows to an endpoint that stays are not touched');

  slices.set({ ...slice, endpoints: [] });
  await eventually('flows to a2 deleted', async () => (await flows('a2')) === 0);
  assert.deepEqual(await lab.ask('a1', 'udp', '10.78.0.12', 53, 1), ['ECONNREFUSED']);
  slices.set(slice);
  await eventually(
    'served again',
    async () => (await lab.ask('a1', 'udp', '10.78.0.12', 53, 1))[0]?.includes('10.77.1.2') ?? false,
  );
});

test('a Service that is deleted leaves no rule', { skip: noRoot }, async () => {
  lab.informers['node-a'].of<Service>('services').delete('default/self');
  await eventually('gone', async () => !/default\/self/.test(await execOf('node-a').sh('iptables-save')));
});

test('what somebody else breaks is put back and reported', { skip: noRoot }, async () => {
  await lab.startProxies('iptables-nft', 'default', 100);
  const exec = execOf('node-b');
  await exec.sh('iptables -t nat -N FOREIGN');
  await exec.sh('iptables -t nat -F PW-SERVICES');
  await exec.sh('iptables -t nat -F OUTPUT');
  // An audit may come between the two: then it takes two Events.
  const told = (): string => lab.events.seen.map(({ reason, message }) => `${reason} ${message}`).join('\n');
  const whole = ['ServiceRulesRepaired', 'rewrite nat PW-SERVICES', 'nat OUTPUT jump'];
  await eventually('repaired', async () => whole.every((text) => told().includes(text)));
  assert.deepEqual(await lab.ask('node-b', 'tcp', '10.78.0.11', 80, 1), [`a1 ${addresses['node-b']}`]);
  assert.match(await exec.sh('iptables-save'), /FOREIGN/);
  const count = lab.events.seen.length;
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.equal(lab.events.seen.length, count, 'once is enough');
});

test('rules that kube-proxy left are told', { skip: noRoot }, async () => {
  await execOf('node-a').sh('iptables -t nat -N KUBE-SERVICES');
  await lab.startProxies('iptables-nft', 'default');
  const told = lab.events.seen.filter(({ reason }) => reason === 'OtherServiceProxy');
  assert.equal(told.length, 1);
  await execOf('node-a').sh('iptables -t nat -X KUBE-SERVICES');
});
