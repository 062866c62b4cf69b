/** The proxy is killed again and again, in the middle of whatever it does: of a thousand long connections none is lost. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EndpointSlice } from '../../src/api/types.gen.ts';
import type { CaseMode } from '../cases/packet-case.ts';
import { clusterSlices } from '../cases/service-packets.ts';
import { addressesOf, nodeNames, nodeOf, type NodeName, type PodName } from '../cases/world.ts';
import { CaseLab, proxyModeOf } from './case-lab.ts';
import type { Place } from './node-lab.ts';
import { Program } from './program.ts';
import { isThorough, kernelModes, skipReason } from './wire-modes.ts';

const restarts = isThorough ? 50 : 10;
const perHolder = 250;
/** Where the endpoints of the cases answer is taken: the echo stands beside it, and a slice of its own leads there. */
const echoPort = 8090;

/** The Services' endpoints of the cases, at the port where the echo stands. */
const atEcho = (slices: readonly EndpointSlice[]): EndpointSlice[] =>
  slices.map((one) => ({ ...one, ports: one.ports?.map((port) => ({ ...port, port: echoPort })) ?? [] }));

async function startEchoes(lab: CaseLab): Promise<Program[]> {
  const pods: readonly PodName[] = ['a1', 'a2', 'b1'];
  const servers = pods.map(
    (pod) => new Program(lab.place(nodeOf(pod)), lab.netnsOf(pod), 'long-connections.ts', 'serve', String(echoPort)),
  );
  await Promise.all(servers.map((one) => one.line()));
  return servers;
}

/** From a pod and from outside, in both families: what each of them calls. */
function startHolders(lab: CaseLab): Program[] {
  const hold = (place: Place, netns: string | undefined, address: string, port: number): Program =>
    new Program(place, netns, 'long-connections.ts', 'hold', address, String(port), String(perHolder));
  const pod = [lab.place('node-b'), lab.netnsOf('b2')] as const;
  const holders = [
    hold(...pod, '10.78.0.10', 80),
    hold(...pod, 'fd00:78::a', 80),
    hold(lab.outside, undefined, addressesOf['node-a'].ipv4, 30_020),
    hold(lab.outside, undefined, addressesOf['node-a'].ipv6, 30_020),
  ];
  return holders;
}

function startProxy(lab: CaseLab, mode: CaseMode, node: NodeName, variant: number): Program {
  return new Program(lab.place(node), undefined, 'proxy-process.ts', proxyModeOf(mode), node, String(variant));
}

/** Every other one is killed while it starts, at some moment; the others when all is written. */
async function restart(lab: CaseLab, mode: CaseMode, round: number): Promise<void> {
  const programs = nodeNames.map((node) => startProxy(lab, mode, node, round));
  if (round % 2 === 0) await Promise.all(programs.map((one) => one.line()));
  else await sleep(300 + 50 * (round % 13));
  await Promise.all(programs.map((one) => one.end('SIGKILL')));
}

async function run(mode: CaseMode): Promise<void> {
  const lab = await CaseLab.make(mode);
  const programs: Program[] = [];
  try {
    programs.push(...(await startEchoes(lab)));
    const served = clusterSlices.filter(({ metadata }) =>
      ['web', 'door'].includes(metadata.labels?.['kubernetes.io/service-name'] ?? ''),
    );
    lab.setSlices(atEcho(served));
    await lab.startProxies(mode, 'default');
    const holders = startHolders(lab);
    programs.push(...holders);
    for (const one of holders) assert.equal(Number(await one.line()), perHolder);
    lab.stopProxies();
    for (let round = 0; round < restarts; round += 1) await restart(lab, mode, round);
    const alive = await Promise.all(holders.map((one) => one.say('all there?')));
    assert.deepEqual(
      alive.map(Number),
      holders.map(() => perHolder),
    );
    await lab.startProxies(mode, 'default');
    assert.match((await lab.ask('b2', 'tcp', '10.78.0.11', 80, 1))[0] ?? '', /^a1 /, 'and new ones are served');
  } finally {
    await Promise.all(programs.map((one) => one.end()));
    await lab.end();
  }
}

for (const mode of kernelModes)
  test(
    `${4 * perHolder} connections over ${restarts} kills, ${mode}`,
    { skip: skipReason(mode), timeout: isThorough ? 1_200_000 : 300_000 },
    () => run(mode),
  );
