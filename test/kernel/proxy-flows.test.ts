/** Who goes on sending when an endpoint goes: the kernel remembers where a flow went, and the proxy has it forget. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointSlice, Service } from '../../src/api/types.gen.ts';
import { caseModes, type CaseMode } from '../cases/packet-case.ts';
import { clusterSlices } from '../cases/service-packets.ts';
import { addressesOf, familyNames, nodeNames, nodeOf, type FamilyName, type PodName } from '../cases/world.ts';
import { CaseLab } from './case-lab.ts';
import { eventually } from './node-lab.ts';
import { Program } from './program.ts';
import { kernelModes, skipReason } from './wire-modes.ts';

const heardAt = 8190;
const silentAt = 8191;
const echoAt = 8192;
/** Services of the cluster IP's feature: datagrams to port 53, connections to port 80. */
const addressOfNames = { ipv4: '10.78.0.12', ipv6: 'fd00:78::c' } as const;
const addressOfWeb = { ipv4: '10.78.0.10', ipv6: 'fd00:78::a' } as const;
const boundMs = 10_000;

/** The Service's endpoints are these pods, at this port of theirs. */
function slicesOf(service: string, pods: readonly PodName[], port: number): EndpointSlice[] {
  return clusterSlices
    .filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === service)
    .map((slice) => {
      const family = slice.addressType === 'IPv4' ? 'ipv4' : 'ipv6';
      const endpoints = pods.map((pod) => ({
        addresses: [addressesOf[pod][family]],
        nodeName: nodeOf(pod),
        conditions: { ready: true },
        targetRef: { kind: 'Pod', namespace: 'default', name: pod, uid: `uid-${pod}` },
      }));
      return { ...slice, endpoints, ports: slice.ports?.map((one) => ({ ...one, port })) ?? [] };
    });
}

function start(lab: CaseLab, pod: PodName, file: string, ...args: readonly string[]): Program {
  return new Program(lab.place(nodeOf(pod)), lab.netnsOf(pod), file, ...args);
}

/** How many flows of the node lead from this Service to that pod. */
async function flowsTo(lab: CaseLab, pod: PodName, family: FamilyName): Promise<number> {
  const filter = `-p udp -d ${addressOfNames[family]} -r ${addressesOf[pod][family]}`;
  const listed = await lab.place('node-b').exec.sh(`conntrack -L -f ${family} ${filter}`);
  return listed.split('\n').filter((line) => line.startsWith('udp')).length;
}

class Hearers {
  readonly #programs: ReadonlyMap<PodName, Program>;

  constructor(lab: CaseLab) {
    const pods: readonly PodName[] = ['a2', 'b1'];
    this.#programs = new Map(pods.map((pod) => [pod, start(lab, pod, 'one-way.ts', 'hear', String(heardAt))]));
  }

  get all(): readonly Program[] {
    return [...this.#programs.values()];
  }

  async heard(pod: PodName): Promise<number> {
    return Number(await this.#programs.get(pod)?.say('how many?'));
  }

  /** Fails when it hears nothing more. */
  async hears(pod: PodName, when: string): Promise<void> {
    const before = await this.heard(pod);
    await eventually(`${pod} hears, ${when}`, async () => (await this.heard(pod)) > before + 5, boundMs);
  }

  /** Fails while it still hears something. */
  async isDeaf(pod: PodName): Promise<void> {
    let last = await this.heard(pod);
    await eventually(
      `${pod} hears no more`,
      async () => {
        const before = last;
        last = await this.heard(pod);
        return before === last;
      },
      boundMs,
    );
  }
}

async function oneWay(mode: CaseMode, family: FamilyName): Promise<void> {
  const lab = await CaseLab.make(mode);
  const programs: Program[] = [];
  const serve = (...pods: readonly PodName[]): void => lab.setSlices(slicesOf('names', pods, heardAt));
  try {
    const hearers = new Hearers(lab);
    programs.push(...hearers.all);
    for (const one of hearers.all) await one.line();
    serve('a2');
    await lab.startProxies(mode, 'default');
    const sender = start(lab, 'b2', 'one-way.ts', 'send', addressOfNames[family], '53');
    programs.push(sender);
    await sender.line();
    await hearers.hears('a2', 'as the only endpoint');

    serve('b1');
    await hearers.hears('b1', 'after the endpoint of a sender that never stops went');
    await hearers.isDeaf('a2');

    serve();
    await hearers.isDeaf('b1');
    await eventually('no flow to b1', async () => (await flowsTo(lab, 'b1', family)) === 0, boundMs);
    serve('a2');
    await hearers.hears('a2', 'after there was nobody');

    lab.stopProxies();
    serve('b1');
    await lab.startProxies(mode, 'default');
    await hearers.hears('b1', 'after an endpoint went that no proxy saw going');
    await hearers.isDeaf('a2');

    for (const node of nodeNames) lab.informers[node].of<Service>('services').delete('default/names');
    await hearers.isDeaf('b1');
    await eventually('no flow to b1', async () => (await flowsTo(lab, 'b1', family)) === 0, boundMs);
  } finally {
    await Promise.all(programs.map((one) => one.end()));
    await lab.end();
  }
}

for (const mode of caseModes)
  for (const family of familyNames)
    test(
      `a sender of datagrams that never stops is heard by whoever serves, ${mode}, ${family}`,
      { skip: skipReason(mode), timeout: 120_000 },
      () => oneWay(mode, family),
    );

async function unanswered(mode: CaseMode): Promise<void> {
  const lab = await CaseLab.make(mode);
  const programs: Program[] = [];
  const { exec } = lab.place('node-b');
  try {
    for (const tool of ['iptables', 'ip6tables']) {
      const argv = [tool, '-A', 'INPUT', '-p', 'tcp', '--dport', String(silentAt), '-j', 'DROP'] as const;
      await exec.run({ argv, netns: lab.netnsOf('b1') });
    }
    const echo = start(lab, 'b1', 'long-connections.ts', 'serve', String(echoAt));
    programs.push(echo);
    await echo.line();
    lab.setSlices([...slicesOf('web', ['b1'], silentAt), ...slicesOf('here', ['b1'], echoAt)]);
    await lab.startProxies(mode, 'default');
    const held = start(lab, 'b2', 'long-connections.ts', 'hold', '10.78.0.11', '80', '10');
    programs.push(held);
    assert.equal(await held.line(), '10');

    const asked = familyNames.map((family) => {
      const question = {
        protocol: 'tcp',
        address: addressOfWeb[family],
        port: 80,
        times: 1,
        timeoutMs: 60_000,
      } as const;
      return lab.party('b2').ask([question]);
    });
    for (const family of familyNames)
      await eventually('unanswered', async () => {
        const filter = `-p tcp --state SYN_SENT -d ${addressOfWeb[family]} -r ${addressesOf.b1[family]}`;
        return (await exec.sh(`conntrack -L -f ${family} ${filter}`)).includes('SYN_SENT');
      });
    lab.setSlices([...slicesOf('web', ['a2'], 8080), ...slicesOf('here', [], echoAt)]);
    const answers = (await Promise.all(asked)).flat(2);
    assert.deepEqual(
      answers,
      familyNames.map((family) => `a2 ${addressesOf.b2[family]}`),
    );
    assert.equal(await held.say('all there?'), '10', 'an established connection ends in order, wherever it leads');
  } finally {
    await Promise.all(programs.map((one) => one.end()));
    await lab.end();
  }
}

for (const mode of kernelModes)
  test(
    `a connection that nobody has answered yet goes to whoever serves now, ${mode}`,
    { skip: skipReason(mode), timeout: 120_000 },
    () => unanswered(mode),
  );
