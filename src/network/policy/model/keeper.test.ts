import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Namespace, NetworkPolicy, Pod } from '../../../api/types.gen.ts';
import {
  diceOf,
  namespaceNames,
  randomNamespace,
  randomPod,
  randomPolicy,
  type Dice,
} from '../testing/random-cluster.ts';
import { isAllowed, type AskedPacket } from '../testing/reference.ts';
import { compilePolicy } from './compile.ts';
import { decide } from './decide.ts';
import { podFacts } from './facts.ts';
import { createPolicyKeeper, type PolicyKeeper } from './keeper.ts';
import { directions, type PolicyTable } from './table.ts';

const numbers = { TCP: 6, UDP: 17, SCTP: 132, ICMP: 1 } as const;

/** A cluster that changes; every pod is on this node, so that the table alone decides. */
class World {
  readonly pods = new Map<string, Pod>();
  readonly namespaces = new Map<string, Namespace>();
  readonly policies = new Map<string, NetworkPolicy>();

  get objects(): { pods: Pod[]; namespaces: Namespace[]; policies: NetworkPolicy[] } {
    return {
      pods: [...this.pods.values()],
      namespaces: [...this.namespaces.values()],
      policies: [...this.policies.values()],
    };
  }
}

const keyOf = ({ metadata }: Pod | NetworkPolicy): string => `${metadata.namespace}/${metadata.name}`;

function tellPod(keeper: PolicyKeeper, key: string, pod: Pod | undefined): void {
  const facts = pod === undefined ? undefined : podFacts(pod);
  keeper.setPod(key, facts);
  keeper.setLocal(key, facts === undefined ? undefined : { key, uid: facts.uids[0] ?? '', ips: facts.ips });
}

/** One change, told to the keepers. */
function change(dice: Dice, world: World, keepers: readonly PolicyKeeper[]): void {
  const number = 1 + dice(12);
  const kind = dice(8);
  if (kind === 0) {
    const name = namespaceNames[dice(3)] ?? '';
    const namespace = randomNamespace(dice, name);
    world.namespaces.set(name, namespace);
    for (const keeper of keepers) keeper.setNamespace(name, namespace.metadata.labels);
  } else if (kind < 4) {
    const old = [...world.policies.values()].find(({ metadata }) => metadata.name === `np${number}`);
    if (old !== undefined) {
      world.policies.delete(keyOf(old));
      for (const keeper of keepers) keeper.setPolicy(keyOf(old), undefined);
    }
    if (dice(3) === 0) return;
    const policy = randomPolicy(dice, number);
    world.policies.set(keyOf(policy), policy);
    for (const keeper of keepers) keeper.setPolicy(keyOf(policy), compilePolicy(policy));
  } else {
    const old = [...world.pods.values()].find(({ metadata }) => metadata.name === `p${number}`);
    if (old !== undefined) {
      world.pods.delete(keyOf(old));
      for (const keeper of keepers) tellPod(keeper, keyOf(old), undefined);
    }
    if (dice(3) === 0) return;
    const pod = randomPod(dice, number);
    world.pods.set(keyOf(pod), pod);
    for (const keeper of keepers) tellPod(keeper, keyOf(pod), pod);
  }
}

function randomPacket(dice: Dice, version: 4 | 6): AskedPacket {
  const outside = version === 4 ? ['192.0.2.1', '192.0.2.200', '198.51.100.1'] : ['2001:db8::1', 'fd00::99'];
  const address = (): string => {
    const number = 1 + dice(14);
    if (number > 12) return outside[dice(outside.length)] ?? '';
    return version === 4 ? `10.1.0.${number}` : `fd00::${number.toString(16)}`;
  };
  const protocol = (['TCP', 'UDP', 'SCTP', 'ICMP'] as const)[dice(4)] ?? 'TCP';
  const port = dice(2) === 0 ? 79 + dice(8) : 52 + dice(4);
  return { source: address(), destination: address(), protocol, port: protocol === 'ICMP' ? 0 : port };
}

function agree(dice: Dice, world: World, table: PolicyTable, version: 4 | 6, rounds: number): number {
  let refused = 0;
  for (let round = 0; round < rounds; round += 1) {
    const packet = randomPacket(dice, version);
    const expected = isAllowed(world.objects, packet);
    const found = decide(table, { ...packet, protocol: numbers[packet.protocol] });
    if (!expected) refused += 1;
    assert.equal(
      found === undefined,
      expected,
      `${JSON.stringify(packet)} ${JSON.stringify(found)}\n${JSON.stringify(world.objects, undefined, 1)}`,
    );
  }
  return refused;
}

/** Plain data, so that two tables compare whatever made them. */
function plain({ isolated, profiles, sets }: PolicyTable): unknown {
  const sorted = <T>(map: ReadonlyMap<string, T>): [string, T][] => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    isolated: directions.map((direction) => sorted(isolated[direction])),
    profiles: sorted(profiles),
    sets: sorted(sets).map(([name, set]) => [name, 'members' in set ? { ...set, members: sorted(set.members) } : set]),
  };
}

function rebuilt(world: World, version: 4 | 6): PolicyTable {
  const keeper = createPolicyKeeper(version);
  for (const [key, pod] of world.pods) tellPod(keeper, key, pod);
  for (const [key, policy] of world.policies) keeper.setPolicy(key, compilePolicy(policy));
  for (const [name, { metadata }] of world.namespaces) keeper.setNamespace(name, metadata.labels);
  keeper.takeChanges();
  return keeper.table;
}

for (const version of [4, 6] as const) {
  test(`IPv${version}: what the table does is what the objects say, after any history`, () => {
    let refused = 0;
    for (let seed = 1; seed <= 40; seed += 1) {
      const dice = diceOf(seed * 10 + version);
      const world = new World();
      const keeper = createPolicyKeeper(version);
      for (const name of namespaceNames) {
        world.namespaces.set(name, randomNamespace(dice, name));
        keeper.setNamespace(name, world.namespaces.get(name)?.metadata.labels);
      }
      for (let step = 0; step < 60; step += 1) {
        change(dice, world, [keeper]);
        if (step % 4 !== 3) continue;
        keeper.takeChanges();
        refused += agree(dice, world, keeper.table, version, 12);
      }
      assert.deepEqual(plain(keeper.table), plain(rebuilt(world, version)), `seed ${seed}`);
    }
    assert.ok(refused > 1000, `only ${refused} of 7,200 packets were refused: the dice ask nothing`);
  });
}

test('what is told as changed is all that changed', () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const dice = diceOf(seed);
    const world = new World();
    const keeper = createPolicyKeeper(4);
    for (const name of namespaceNames) keeper.setNamespace(name, {});
    /** What a back end has that looks only at what it is told. */
    const kept = {
      isolated: { ingress: new Map<string, unknown>(), egress: new Map<string, unknown>() },
      profiles: new Map<string, unknown>(),
      sets: new Map<string, unknown>(),
    };
    const follow = <T>(from: ReadonlyMap<string, T>, to: Map<string, unknown>, keys: Iterable<string>): void => {
      for (const key of keys) {
        const value = from.get(key);
        if (value === undefined) to.delete(key);
        else to.set(key, structuredClone(value));
      }
    };
    for (let step = 0; step < 80; step += 1) {
      change(dice, world, [keeper]);
      const changes = keeper.takeChanges();
      const { table } = keeper;
      follow(table.sets, kept.sets, changes.sets);
      for (const [name, keys] of changes.members) {
        const set = table.sets.get(name);
        assert.ok(set !== undefined && 'members' in set, name);
        const copy = kept.sets.get(name) as { members: Map<string, unknown> };
        follow(set.members, copy.members, keys);
      }
      follow(table.profiles, kept.profiles, changes.profiles);
      for (const direction of directions)
        follow(table.isolated[direction], kept.isolated[direction], changes.isolated[direction]);
      assert.deepEqual(plain(kept as unknown as PolicyTable), plain(table), `seed ${seed}, step ${step}`);
    }
  }
});

test('a pod that starts costs nothing that it does not touch', () => {
  const keeper = createPolicyKeeper(4);
  keeper.setNamespace('shop', {});
  for (const [name, namespace] of [
    ['deny', 'shop'],
    ['other', 'away'],
  ] as const)
    keeper.setPolicy(
      `${namespace}/${name}`,
      compilePolicy({
        metadata: { name, namespace },
        spec: { podSelector: {}, ingress: [{ from: [{ podSelector: { matchLabels: { app: 'client' } } }] }] },
      }),
    );
  const pod = (name: string, ip: string): Pod => ({
    metadata: { name, namespace: 'shop', uid: name, labels: { app: 'client' } },
    spec: { containers: [] },
    status: { podIPs: [{ ip }] },
  });
  tellPod(keeper, 'shop/a', pod('a', '10.1.0.1'));
  keeper.takeChanges();
  tellPod(keeper, 'shop/b', pod('b', '10.1.0.2'));
  const { sets, members, profiles, isolated, narrowed } = keeper.takeChanges();
  assert.deepEqual([[...sets], [...profiles], [...narrowed]], [[], [], []]);
  assert.deepEqual([...isolated.ingress], ['10.1.0.2']);
  assert.deepEqual(
    [...members.values()].map((keys) => [...keys]),
    [['10.1.0.2']],
  );
});

test('a pod that was deleted by force is isolated as long as the node has it, and is nobody to others', () => {
  const keeper = createPolicyKeeper(4);
  const policy = compilePolicy({
    metadata: { name: 'p', namespace: 'shop' },
    spec: { podSelector: {}, ingress: [{ from: [{ podSelector: {} }] }] },
  });
  const facts = podFacts({
    metadata: { name: 'a', namespace: 'shop', uid: 'a' },
    spec: { containers: [] },
    status: { podIPs: [{ ip: '10.1.0.1' }] },
  });
  keeper.setPolicy('shop/p', policy);
  keeper.setPod('shop/a', facts);
  keeper.setLocal('sandbox', { key: 'shop/a', uid: 'a', ips: ['10.1.0.1'] });
  keeper.takeChanges();
  keeper.setPod('shop/a', undefined);
  keeper.takeChanges();
  assert.deepEqual([...keeper.table.isolated.ingress.keys()], ['10.1.0.1']);
  assert.deepEqual(
    [...keeper.table.sets.values()].map((set) => 'members' in set && set.members.size),
    [0],
  );
  keeper.setLocal('sandbox', undefined);
  keeper.takeChanges();
  assert.deepEqual([...keeper.table.isolated.ingress.keys()], []);
});

test('pods are narrowed by a policy that is new to them and by a peer that goes, not by one that comes', () => {
  const keeper = createPolicyKeeper(4);
  keeper.setNamespace('shop', {});
  const policy = compilePolicy({
    metadata: { name: 'p', namespace: 'shop' },
    spec: {
      podSelector: { matchLabels: { app: 'server' } },
      ingress: [{ from: [{ podSelector: { matchLabels: { app: 'client' } } }] }],
    },
  });
  const pod = (app: string, ip: string): Pod => ({
    metadata: { name: app, namespace: 'shop', uid: app, labels: { app } },
    spec: { containers: [] },
    status: { podIPs: [{ ip }] },
  });
  const narrowed = (): string[] => [...keeper.takeChanges().narrowed];
  tellPod(keeper, 'shop/server', pod('server', '10.1.0.1'));
  assert.deepEqual(narrowed(), []);
  keeper.setPolicy('shop/p', policy);
  assert.deepEqual(narrowed(), ['10.1.0.1']);
  keeper.setPod('shop/client', podFacts(pod('client', '10.1.0.2')));
  assert.deepEqual(narrowed(), []);
  keeper.setPod('shop/client', undefined);
  assert.deepEqual(narrowed(), ['10.1.0.1']);
  keeper.setPolicy('shop/p', undefined);
  assert.deepEqual(narrowed(), []);
});
