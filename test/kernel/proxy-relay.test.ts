/** The relay of the userspace mode: what of it lives when something is killed, and that it carries connections as they are. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, afterEach, before, describe, test } from 'node:test';
import { openRelay, type RelayClient } from '../../src/proxy/userspace/relay-client.ts';
import { relayArgument, relayVersion, reportVariable } from '../../src/proxy/userspace/protocol.ts';
import { addressesOf, nodeOf, type PodName } from '../cases/world.ts';
import { CaseLab } from './case-lab.ts';
import { eventually, Place } from './node-lab.ts';
import { Program } from './program.ts';

const noRoot = process.getuid?.() === 0 ? false : 'needs root for network namespaces';
const echoAt = 8090;
const held = 40;

describe('the relay of a node', { skip: noRoot }, () => {
  let lab: CaseLab;
  const echoes: Program[] = [];
  let programs: Program[] = [];

  const run = (pod: PodName, file: string, ...args: readonly string[]): Program => {
    const program = new Program(lab.place(nodeOf(pod)), lab.netnsOf(pod), file, ...args);
    programs.push(program);
    return program;
  };
  const start = (pod: PodName, ...args: readonly string[]): Program => run(pod, 'long-connections.ts', ...args);
  const startAgent = async (): Promise<Program> => {
    const args = ['userspace', 'node-b', '0', String(echoAt)];
    const agent = new Program(lab.place('node-b'), undefined, 'proxy-process.ts', ...args);
    programs.push(agent);
    assert.equal(await agent.line(), 'ready');
    return agent;
  };
  const hold = async (address = '10.78.0.10'): Promise<Program> => {
    const holder = start('b2', 'hold', address, '80', String(held));
    assert.equal(await holder.line(), String(held));
    return holder;
  };
  const onNode = (script: string): Promise<string> =>
    lab
      .place('node-b')
      .exec.run({ argv: ['sh', '-c', script] })
      .then(({ stdout }) => stdout.trim());
  const relayPid = (): Promise<string> => onNode('cat /run/podwire/relay-*.pid');
  /** Without what counts packets, and without the comments that tell the time. */
  const rules = async (): Promise<string> =>
    (await onNode('iptables-save; ip6tables-save')).replaceAll(/^#.*$/gm, '').replaceAll(/\[\d+:\d+\]/g, '');

  /** Every flow of datagrams to the Service leads to a port on which somebody listens. */
  const datagramsArrive = async (): Promise<boolean> => {
    const flows = await onNode('conntrack -L -p udp -d 10.78.0.12 2>/dev/null');
    const ports = [...flows.matchAll(/ src=169\.254\.80\.87 \S+ sport=(\d+)/g)].map(([, port]) => port);
    const listening = await onNode('ss -Hlun src 169.254.80.87');
    return ports.length > 0 && ports.every((port) => listening.includes(`:${port} `));
  };

  before(async () => {
    lab = await CaseLab.make('userspace');
    for (const pod of ['a1', 'a2', 'b1'] as const) echoes.push(start(pod, 'serve', String(echoAt)));
    programs = [];
    for (const one of echoes) await one.line();
  });
  afterEach(async () => {
    await Promise.all(programs.map((one) => one.end()));
    programs = [];
  });
  after(async () => {
    await Promise.all(echoes.map((one) => one.end()));
    await lab?.end();
  });

  test('kill -9 of the agent: what is carried lives on, new ones are served, and the next agent takes it over', async () => {
    const agent = await startAgent();
    const holders = [await hold(), await hold('fd00:78::a')];
    const [pid, written] = [await relayPid(), await rules()];
    await agent.end('SIGKILL');
    for (const one of holders) assert.equal(await one.say('all there?'), String(held));
    await hold();

    await startAgent();
    assert.equal(await relayPid(), pid, 'the same relay');
    assert.equal(await rules(), written, 'its ports are the same, so nothing is written anew');
    for (const one of holders) assert.equal(await one.say('all there?'), String(held));
  });

  test('kill -9 of the relay: what it carried is cut, the agent starts another, and new ones are served', async () => {
    await startAgent();
    const holder = await hold();
    await run('b2', 'one-way.ts', 'send', '10.78.0.12', '53').line();
    await eventually('datagrams are carried', datagramsArrive);
    const pid = await relayPid();
    await onNode(`kill -9 ${pid}`);
    assert.equal(await holder.say('all there?'), '0', 'cut at once: nobody waits for an answer that cannot come');
    await eventually('another relay', async () => (await relayPid()) !== pid, 20_000);
    const again = async (address: string): Promise<boolean> => {
      const one = start('b2', 'hold', address, '80', '1');
      return (await one.line()) === '1' && (await one.say('all there?')) === '1';
    };
    for (const address of ['10.78.0.10', 'fd00:78::a'])
      await eventually(`new connections to ${address}`, () => again(address), 20_000);
    await eventually('a sender of datagrams that never stopped is carried again', datagramsArrive, 20_000);
  });

  test('the relay was killed while no agent ran: the next one starts another', async () => {
    const agent = await startAgent();
    await agent.end('SIGKILL');
    await onNode(`kill -9 ${await relayPid()}`);
    await startAgent();
    await hold();
  });

  test('a client that has said all it had still hears the answer', async () => {
    await lab.startProxies('userspace', 'default');
    const countAt = 8091;
    const counter = start('a1', 'count', String(countAt));
    await counter.line();
    lab.setSlices(
      (['ipv4', 'ipv6'] as const).map((family) => ({
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name: `here-${family}-0`, namespace: 'default', labels: { 'kubernetes.io/service-name': 'here' } },
        addressType: family === 'ipv4' ? ('IPv4' as const) : ('IPv6' as const),
        endpoints: [{ addresses: [addressesOf.a1[family]], nodeName: 'node-a', conditions: { ready: true } }],
        ports: [{ port: countAt, protocol: 'TCP' as const, name: '' }],
      })),
    );
    const bytes = 3_000_000;
    const told = async (address: string): Promise<string> => start('b2', 'say', address, '80', String(bytes)).line();
    for (const address of ['10.78.0.11', 'fd00:78::b'])
      await eventually(
        `the answer through ${address}`,
        async () => (await told(address)) === `counted ${bytes}`,
        20_000,
      );
    lab.stopProxies();
  });
});

test('the bundle has the relay inside', { skip: noRoot }, async () => {
  const place = await Place.make();
  let relay: RelayClient | undefined;
  try {
    const bundle = execFileSync(process.execPath, ['scripts/bundle.ts'], { encoding: 'utf8' }).trim();
    const marker = /\d+/.exec(await place.exec.sh('readlink /proc/self/ns/net'))?.[0];
    const socket = `/run/podwire/relay-${relayVersion}-${marker}.sock`;
    const argv = ['setsid', '--fork', process.execPath, bundle, relayArgument, socket] as const;
    await place.exec.run({ argv, reportPipe: reportVariable, timeoutMs: 20_000 });
    relay = await openRelay(place.exec, () => undefined);
    assert.equal(
      place.exec.commands.filter((command) => command.includes(relayArgument)).length,
      1,
      'found, not started',
    );
    const backend = { id: 'default/x/tcp/all/4', protocol: 'tcp', host: '127.0.0.1', port: 0, targets: [] } as const;
    const { ports, failed } = await relay.put([backend]);
    assert.deepEqual(failed, {});
    assert.deepEqual(await relay.list(), ports);
    assert.match(await place.exec.sh('ss -Hltn'), new RegExp(`127.0.0.1:${ports[backend.id]} `));
    await relay.drop([backend.id]);
    relay.close();
    const gone = async (): Promise<boolean> =>
      (await place.exec.run({ argv: ['test', '-e', socket], okExitCodes: [0, 1] })).exitCode === 1;
    await eventually('it ends when nobody needs it', gone);
  } finally {
    relay?.close();
    await place.end();
  }
});
