/** `kill -9` of everything that runs in a lab's machines: what comes back by itself, what goes on meanwhile, what is left. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isConditionTrue } from '../../src/api/conditions.ts';
import type { Pod, Service } from '../../src/api/types.gen.ts';
import { eventually, type Lab } from '../lab.ts';
import { RequestLoop } from '../request-loop.ts';
import { service } from '../workloads.ts';
import { find, findAll, killNow, type Kind } from '../victims.ts';

const NODES = ['node1', 'node2', 'node3'];
const RANDOM_KILLS = 12;
/** For what takes a second or two on a quiet machine. */
const BOUND_MS = 60_000;

interface Scene {
  readonly workload: string;
  readonly client: string;
}

/** Kills that no container may feel, by the machine and what it is there; `isSame` says that this one goes on all the same. */
const harmless: readonly { machine: string; kind: Kind; alive?: Kind }[] = [
  { machine: 'node1', kind: 'agent' },
  { machine: 'node2', kind: 'agent' },
  { machine: 'node1', kind: 'runner' },
  { machine: 'node2', kind: 'agent’s supervisor' },
  { machine: 'node1', kind: 'log', alive: 'agent' },
  { machine: 'node1', kind: 'log’s supervisor', alive: 'agent' },
  { machine: 'control-plane', kind: 'control plane' },
  { machine: 'control-plane', kind: 'control plane’s supervisor' },
];

export function killStories(lab: Lab, { workload, client }: Scene): void {
  const pods = async (): Promise<Pod[]> => lab.list<Pod>(['pods']);
  const containers = async (): Promise<Record<string, string | undefined>> =>
    Object.fromEntries(
      (await pods()).map(({ metadata, status }): [string, string | undefined] => [
        metadata.name ?? '',
        status?.containerStatuses?.[0]?.containerID,
      ]),
    );
  /** Pids of containers and of pause processes on all nodes. */
  const pids = async (): Promise<number[]> => {
    const kinds: Kind[] = ['container', 'pause', 'conmon'];
    const found = NODES.flatMap((node) => kinds.map((kind) => findAll(lab.name, node, kind)));
    return (await Promise.all(found)).flat().map(({ pid }) => pid);
  };

  /** Every node Ready by its own word since `since`, every pod Ready, exec and the Service answer, one of each process in its place. */
  async function whole(count: number): Promise<void> {
    await eventually(
      'the cluster whole again',
      async () => {
        const [nodes, all] = await Promise.all([lab.nodes(), pods()]);
        const ready = all.filter(({ status }) => isConditionTrue(status?.conditions, 'Ready'));
        return nodes.every(({ status }) => isConditionTrue(status?.conditions, 'Ready')) && ready.length === count;
      },
      BOUND_MS,
    );
    for (const node of NODES) {
      await eventually(`one agent under one supervisor on ${node}`, async () => {
        const [agents, supervisors] = await Promise.all(
          (['agent', 'agent’s supervisor'] as const).map((kind) => findAll(lab.name, node, kind)),
        );
        return agents?.length === 1 && supervisors?.length === 1;
      });
    }
    await eventually(
      'exec through the agent of the client',
      async () => (await lab.inPod(client, ['true'], { mayFail: true })).code === 0,
      BOUND_MS,
    );
    const curl = ['curl', '-sf', '--max-time', '5', '-o', '/dev/null', `http://${clusterIP}/`];
    await eventually(
      'an answer of the Service',
      async () => (await lab.onNode('node1', curl, { mayFail: true })).code === 0,
      BOUND_MS,
    );
  }
  let clusterIP = '';
  before(async () => {
    clusterIP = (await lab.get<Service>(['service', workload])).spec?.clusterIP ?? '';
  });

  /** Another one of its kind, and only one. */
  const replaced = async (machine: string, kind: Kind, old: number): Promise<unknown> =>
    eventually(
      `another ${kind} on ${machine}`,
      async () => {
        const found = await findAll(lab.name, machine, kind);
        return found.length === 1 && found[0]?.pid !== old;
      },
      BOUND_MS,
    );

  for (const { machine, kind, alive } of harmless)
    test(`${kind} of ${machine}: another comes, no request fails, every container goes on`, async () => {
      const [count, ids, processes] = [(await pods()).length, await containers(), await pids()];
      const kept = alive === undefined ? undefined : await find(lab.name, machine, alive);
      const loop = await RequestLoop.start(lab, [client], clusterIP);
      const victim = await find(lab.name, machine, kind);
      const follower = supervised.get(kind);
      const below = follower && { kind: follower, pid: (await find(lab.name, machine, follower)).pid };
      killNow(victim);
      // A runner comes with the next thing that its agent has to run.
      if (kind === 'runner') await lab.apply(service('another', workload));
      await replaced(machine, kind, victim.pid);
      if (below !== undefined) await replaced(machine, below.kind, below.pid);
      await whole(count);
      await sleep(500);
      const [seen] = await loop.end();
      assert.deepEqual(seen?.failures, {});
      assert.ok((seen?.requests ?? 0) > 50, `only ${seen?.requests} requests`);
      assert.deepEqual(await containers(), ids);
      assert.deepEqual(await pids(), processes);
      if (alive !== undefined) assert.equal((await find(lab.name, machine, alive)).pid, kept?.pid);
    });

  test('pause, container and conmon: a pod is whole again, with another container where one ended', async () => {
    const count = (await pods()).length;
    killNow(await find(lab.name, 'node2', 'pause'));
    await whole(count);
    killNow(await find(lab.name, 'node2', 'container'));
    await whole(count);
    // Nobody writes the output and the exit code of this container any more: it goes on all the same.
    const [ids, processes] = [await containers(), await pids()];
    const conmon = await find(lab.name, 'node2', 'conmon');
    killNow(conmon);
    await whole(count);
    assert.deepEqual(await containers(), ids);
    assert.deepEqual(
      await pids(),
      processes.filter((pid) => pid !== conmon.pid),
    );
  });

  test('kills at random, one to three at a time: all that can comes back', async (t) => {
    const seed = Number(process.env['PODWIRE_KILLS_SEED'] ?? Date.now() % 1_000_000);
    t.diagnostic(`PODWIRE_KILLS_SEED=${seed} repeats this`);
    const random = randomNumbers(seed);
    const pick = <T>(list: readonly T[]): T =>
      list[Math.floor(random() * list.length)] ?? assert.fail('nothing to pick');
    const count = (await pods()).length;
    for (let kills = 0; kills < RANDOM_KILLS;) {
      const batch: string[] = [];
      for (let more = 1 + Math.floor(random() * 3); more > 0; more -= 1) {
        const kind = pick(randomKinds);
        const machine = kind.startsWith('control') ? 'control-plane' : pick(NODES);
        const [victim] = await findAll(lab.name, machine, kind);
        batch.push(`${kind} of ${machine}`);
        if (victim === undefined) continue;
        const follower = supervised.get(kind);
        // There may be none: the same batch may have killed it a moment ago.
        const [below] = follower === undefined ? [] : await findAll(lab.name, machine, follower);
        killNow(victim);
        if (kind === 'first process') await lab.podwire(['node', 'start', machine]);
        // Or the old one, which is on its way out, could be taken for the new one.
        if (follower !== undefined) await replaced(machine, follower, below?.pid ?? 0);
      }
      kills += batch.length;
      t.diagnostic(batch.join(', '));
      await whole(count);
    }
  });
}

/** What a supervisor starts anew when it comes back, since it does not know the one before. */
const supervised = new Map<Kind, Kind>([
  ['agent’s supervisor', 'agent'],
  ['control plane’s supervisor', 'control plane'],
]);

/** What dies at random; a machine more seldom than its parts. */
const randomKinds: readonly Kind[] = [
  ...(['agent', 'agent', 'runner', 'agent’s supervisor', 'control plane', 'control plane’s supervisor'] as const),
  ...(['pause', 'container', 'log', 'first process'] as const),
];

/** Numbers from 0 to 1, the same ones for the same seed (xorshift of 32 bits). */
function randomNumbers(seed: number): () => number {
  let state = (seed ^ 0x9e3779b9) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
