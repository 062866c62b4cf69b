/** Both back ends of NetworkPolicy on a kernel: what they write is what they read, after any history; what others break comes back. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { silentLogger } from '../../src/api/logger.ts';
import { printChanges, type Change } from '../../src/kernel/change.ts';
import { ipv4, ipv6, type Family } from '../../src/kernel/family.ts';
import type { PolicyBackEnd, PolicyMode } from '../../src/network/policy/back-end.ts';
import { iptablesPolicies } from '../../src/network/policy/iptables/index.ts';
import { compilePolicy } from '../../src/network/policy/model/compile.ts';
import { podFacts } from '../../src/network/policy/model/facts.ts';
import { createPolicyKeeper, type PolicyKeeper } from '../../src/network/policy/model/keeper.ts';
import { nftablesPolicies } from '../../src/network/policy/nftables/index.ts';
import {
  diceOf,
  namespaceNames,
  randomLabels,
  randomPod,
  randomPolicy,
  type Dice,
} from '../../src/network/policy/testing/random-cluster.ts';
import { eventually, Place } from './node-lab.ts';

const noRoot = process.getuid?.() === 0 ? false : 'needs root for network namespaces';
let place: Place;
let abort = new AbortController();

before(async () => {
  if (noRoot === false) place = await Place.make();
});
after(async () => place?.end());

function create(mode: PolicyMode, family: Family): PolicyBackEnd {
  return mode.create({ exec: place.exec, family, logger: silentLogger, signal: abort.signal });
}

/** Pods 1 to 12 are this node's when their number is odd. */
function changePod(dice: Dice, keeper: PolicyKeeper, known: Map<number, string>): void {
  const number = 1 + dice(12);
  const old = known.get(number);
  if (old !== undefined) {
    keeper.setPod(old, undefined);
    keeper.setLocal(String(number), undefined);
    known.delete(number);
  }
  if (dice(4) === 0) return;
  const facts = podFacts(randomPod(dice, number));
  if (facts === undefined) return;
  known.set(number, facts.key);
  keeper.setPod(facts.key, facts);
  if (number % 2 === 1) keeper.setLocal(String(number), { key: facts.key, uid: facts.uids[0] ?? '', ips: facts.ips });
}

function changePolicy(dice: Dice, keeper: PolicyKeeper, known: Map<number, string>): void {
  const number = 1 + dice(8);
  const old = known.get(number);
  if (old !== undefined) keeper.setPolicy(old, undefined);
  known.delete(number);
  if (dice(4) === 0) return;
  const policy = compilePolicy(randomPolicy(dice, number));
  known.set(number, policy.key);
  keeper.setPolicy(policy.key, policy);
}

/** A keeper that has a policy over all of namespace n1 and three pods of this node in it. */
function smallWorld(family: Family): PolicyKeeper {
  const keeper = createPolicyKeeper(family.version);
  keeper.setNamespace('n1', {});
  const pods = ['a', 'b', 'c'].map((name, index) => {
    const ip = family.version === 4 ? `10.1.0.${index + 1}` : `fd00::${index + 1}`;
    return podFacts({
      metadata: { namespace: 'n1', name, uid: name, labels: { app: name } },
      spec: { containers: [] },
      status: { podIPs: [{ ip }] },
    });
  });
  for (const facts of pods) {
    if (facts === undefined) continue;
    keeper.setPod(facts.key, facts);
    keeper.setLocal(facts.key, { key: facts.key, uid: facts.uids[0] ?? '', ips: facts.ips });
  }
  const policy = compilePolicy({
    metadata: { namespace: 'n1', name: 'from-a' },
    spec: {
      podSelector: {},
      policyTypes: ['Ingress', 'Egress'],
      ingress: [{ from: [{ podSelector: { matchLabels: { app: 'a' } } }], ports: [{ port: 80 }] }],
      egress: [{ to: [{ ipBlock: { cidr: family.version === 4 ? '0.0.0.0/0' : '::/0' } }] }],
    },
  });
  keeper.setPolicy(policy.key, policy);
  return keeper;
}

const text = (changes: readonly Change[]): string => printChanges(changes);

for (const mode of [nftablesPolicies, iptablesPolicies]) {
  for (const family of [ipv4, ipv6]) {
    describe(`${mode.name}, ${family.name}`, { skip: noRoot }, () => {
      afterEach(async () => {
        await mode.cleanUp(place.exec, family);
        abort.abort();
        abort = new AbortController();
      });

      test('this machine has what it needs', async () => {
        assert.deepEqual(await mode.missing(place.exec, family), []);
      });

      test('what was written is what is read, after any history', async () => {
        for (let seed = 1; seed <= 4; seed += 1) {
          const dice = diceOf(seed);
          const keeper = createPolicyKeeper(family.version);
          const backEnd = create(mode, family);
          const [pods, policies] = [new Map<number, string>(), new Map<number, string>()];
          for (const name of namespaceNames) keeper.setNamespace(name, randomLabels(dice));
          await backEnd.sync(keeper.table, undefined);
          for (let step = 0; step < 40; step += 1) {
            if (dice(3) === 0) changePolicy(dice, keeper, policies);
            else if (dice(8) === 0) keeper.setNamespace(namespaceNames[dice(3)] ?? '', randomLabels(dice));
            else changePod(dice, keeper, pods);
            await backEnd.sync(keeper.table, keeper.takeChanges());
            if (step % 10 !== 9) continue;
            assert.equal(text(await create(mode, family).sync(keeper.table, undefined)), '', `seed ${seed}, ${step}`);
          }
          await mode.cleanUp(place.exec, family);
        }
      });

      test('a start writes nothing where all is right', async () => {
        const keeper = smallWorld(family);
        keeper.takeChanges();
        await create(mode, family).sync(keeper.table, undefined);
        const before = await dump(family);
        assert.match(before, /from-a/);
        assert.equal(text(await create(mode, family).sync(keeper.table, undefined)), '');
        assert.equal(await dump(family), before);
      });

      test('where nobody is isolated nothing is left', async () => {
        const keeper = smallWorld(family);
        keeper.takeChanges();
        const backEnd = create(mode, family);
        await backEnd.sync(keeper.table, undefined);
        keeper.setPolicy('n1/from-a', undefined);
        await backEnd.sync(keeper.table, keeper.takeChanges());
        await eventually('nothing is left', async () => (await dump(family)) === '');
      });

      // What is in the old chain when the table changes finds its maps switched off, and must have the new one before it.
      test('a table of another layout is replaced by one whose hook stands behind', async () => {
        if (mode.name !== 'nftables') return;
        const keeper = smallWorld(family);
        keeper.takeChanges();
        const start = async (): Promise<string> => text(await create(mode, family).sync(keeper.table, undefined));
        await start();
        const hooks = ['filter', 'filter + 1', 'filter + 2', 'filter + 10', '11', '39', 'filter'];
        for (const [index, priority] of hooks.entries()) {
          assert.equal(priorityIn(await dump(family)), priority);
          assert.equal(await start(), '', 'it may stay there');
          const next = hooks[index + 1] ?? 'filter + 1';
          await writeOlder(family, { '39': '38', 'filter + 10': 'filter + 9', filter: '39' }[next] ?? priority);
          assert.match(await start(), /^load table ip6? podwire-policy: its sets or chains were others$/m);
          assert.equal(priorityIn(await dump(family)), next);
        }
      });

      for (const [what, breaks] of Object.entries(breakages(mode, family))) {
        test(`${what} is put right`, async () => {
          const keeper = smallWorld(family);
          keeper.takeChanges();
          const backEnd = create(mode, family);
          await backEnd.sync(keeper.table, undefined);
          const whole = await dump(family);
          assert.equal(text(await backEnd.audit()), '', 'nothing was broken yet');
          for (const command of breaks) await place.exec.sh(command);
          assert.notEqual(await dump(family), whole);
          assert.notEqual(text(await backEnd.audit()), '');
          assert.equal(await dump(family), whole);
        });
      }
    });
  }
}

/** Everything of NetworkPolicy that the kernel has, without what packets and clocks change. */
async function dump(family: Family): Promise<string> {
  const ip = family.version === 4 ? 'ip' : 'ip6';
  const nft = await place.exec.sh(`nft list table ${ip} podwire-policy`, [0, 1]);
  const rules = (await place.exec.sh(`${family.save} -t filter`)).split('\n').filter((line) => line.includes('PW-POL'));
  const sets = (await place.exec.sh('ipset save'))
    .split('\n')
    .filter((line) => line.includes(`PW-${family.version}-`))
    .map((line) => line.replace(/ initval \S+/, ''));
  return [nft, ...[...rules, ...sets].sort()].join('\n').trim();
}

const priorityIn = (listing: string): string | undefined => /hook forward priority ([^;]+);/.exec(listing)?.[1];

/** The table as it is, but for the size of a map, which cannot be changed, and for the place of its hook. */
async function writeOlder(family: Family, priority: string): Promise<void> {
  const ip = family.version === 4 ? 'ip' : 'ip6';
  const older = (await place.exec.sh(`nft list table ${ip} podwire-policy`))
    .replace(/map ingress \{\n/, '$&size 1000\n')
    .replace(/(hook forward priority )[^;]+/, `$1${priority}`);
  assert.match(older, /size 1000/);
  await place.exec.run({ argv: ['nft', '-f', '-'], stdin: `delete table ${ip} podwire-policy\n${older}` });
}

function breakages({ name }: PolicyMode, family: Family): Readonly<Record<string, readonly string[]>> {
  const ip = family.version === 4 ? 'ip' : 'ip6';
  const address = family.version === 4 ? '10.1.0.2' : 'fd00::2';
  if (name === 'nftables')
    return {
      'a ruleset that is flushed': ['nft flush ruleset'],
      'a table that is gone': [`nft delete table ${ip} podwire-policy`],
      'a chain that is flushed': [`nft flush chain ${ip} podwire-policy forward`],
      'a pod that is let go': [`nft delete element ${ip} podwire-policy ingress { ${address} }`],
      'a door that is opened': [`nft insert rule ${ip} podwire-policy forward accept`],
    };
  return {
    'a table that is flushed': [`${family.tool} -F`],
    'a hook that is gone': [`${family.tool} -F FORWARD`],
    'a door that is opened': [`${family.tool} -I PW-POLICY -j RETURN`],
    'a pod that is let go': [`ipset del PW-${family.version}-isolated-ingress ${address}`],
    'sets that are flushed': [`ipset flush PW-${family.version}-isolated-egress`],
  };
}
