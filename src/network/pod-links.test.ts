import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../api/logger.ts';
import { createAddressPool } from './address-pool.ts';
import { parsePodAlias, podNames } from './names.ts';
import { PodLinks, type PodGround } from './pod-links.ts';
import { PaperKernel } from './testing/paper-kernel.ts';

const pod = (name: string) => ({ namespace: 'default', name, uid: `uid-${name}`, attempt: 0 });
const netnsOf = (name: string): string => podNames(pod(name)).netns;

const openGate = { admit: async () => undefined, leave: () => undefined };

/** A small IPv4 range, so that addresses go round. */
function groundFor(links: PodLinks): PodGround {
  const pools = ['10.45.1.0/28', 'fd00:45:1::/64'].map((cidr) => createAddressPool(cidr, links.ips));
  return { pools, mtu: 1500 };
}

async function startOn(kernel: PaperKernel, lines?: number): Promise<{ links: PodLinks; ground: PodGround }> {
  const links = new PodLinks(kernel.exec(lines), silentLogger, openGate);
  await links.adopt();
  return { links, ground: groundFor(links) };
}

/** Read from the kernel's own aliases. */
function addressesIn(kernel: PaperKernel): readonly string[] {
  return kernel.aliases.flatMap((alias) => parsePodAlias(alias)?.ips ?? []).sort();
}

/** The same numbers for the same seed (a linear congruential generator). */
function dice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
}

test('a set-up is killed after each of its lines: the next agent has every address again, once', async () => {
  for (let lines = 0; lines <= 22; lines += 1) {
    const kernel = new PaperKernel();
    const first = await startOn(kernel);
    await first.links.setUp(pod('stays'), first.ground);
    const { links, ground } = await startOn(kernel, lines);
    await links.setUp(pod('cut'), ground).catch(() => undefined);
    await links.tearDown(pod('stays')).catch(() => undefined);
    const next = await startOn(kernel);
    assert.deepEqual([...next.links.ips].sort(), addressesIn(kernel), `killed after line ${lines}`);
    assert.equal(kernel.links.size, kernel.aliases.length, 'no half of a pod is left');
    assert.equal(kernel.namespaces.size, kernel.aliases.length);
  }
});

test('a pod with limits is killed after each of its lines: no link that shapes is left alone, and limits are known again', async () => {
  const bandwidth = { ingress: 5_000_000, egress: 3_000_000 };
  for (let lines = 0; lines <= 26; lines += 1) {
    const kernel = new PaperKernel();
    const { links, ground } = await startOn(kernel, lines);
    await links.setUp(pod('cut'), ground, bandwidth).catch(() => undefined);
    const next = await startOn(kernel);
    const shapers = [...kernel.links].filter(([, { kind }]) => kind === 'ifb');
    assert.equal(shapers.length, next.links.pods.length, `killed after line ${lines}`);
    for (const found of next.links.pods) assert.deepEqual(found.bandwidth, bandwidth);
    await next.links.setUp(pod('cut'), next.ground, bandwidth);
    await next.links.tearDown(pod('cut'));
    assert.deepEqual([kernel.links.size, kernel.namespaces.size], [0, 0], `killed after line ${lines}`);
  }
});

test('what the kernel refuses to take away keeps its addresses until it is gone', async () => {
  const kernel = new PaperKernel();
  const { links, ground } = await startOn(kernel);
  const first = await links.setUp(pod('a'), ground);
  kernel.refusesToDelete = true;
  await assert.rejects(links.tearDown(pod('a')), /busy/);
  assert.deepEqual(links.ips, first.ips);
  await assert.rejects(links.settle(), /busy/);
  kernel.refusesToDelete = false;
  await links.settle();
  assert.deepEqual([links.ips, kernel.links.size], [[], 0]);
});

test('addresses of both families or none', async () => {
  const { links } = await startOn(new PaperKernel());
  const pools = ['fd00:45:1::/64', '10.45.1.0/30'].map((cidr) => createAddressPool(cidr, []));
  const ground = { pools, mtu: 1500 };
  assert.deepEqual((await links.setUp(pod('a'), ground)).ips, ['fd00:45:1::2', '10.45.1.2']);
  await assert.rejects(links.setUp(pod('b'), ground), /no pod address left in 10\.45\.1\.0\/30: 1 in use/);
  assert.deepEqual(links.ips, ['fd00:45:1::2', '10.45.1.2']);
});

test('an audit takes over whole pods that appeared, and touches none that come or go meanwhile', async () => {
  const kernel = new PaperKernel();
  const ours = await startOn(kernel);
  const other = await startOn(kernel);
  await other.links.setUp(pod('appeared'), other.ground);
  await ours.links.setUp(pod('goes'), { ...ours.ground, pools: [createAddressPool('10.45.9.0/24', [])] });
  await Promise.all([
    ours.links.adopt(),
    ours.links.setUp(pod('comes'), { ...ours.ground, pools: [createAddressPool('10.45.8.0/24', [])] }),
    ours.links.tearDown(pod('goes')),
  ]);
  assert.deepEqual(ours.links.pods.map(({ netns }) => netns).sort(), [netnsOf('appeared'), netnsOf('comes')].sort());
  assert.deepEqual([...ours.links.ips].sort(), addressesIn(kernel));
});

test('whatever happens, in whatever order: no address is lost, none is doubled', async () => {
  for (let seed = 1; seed <= 150; seed += 1) {
    const roll = dice(seed);
    const kernel = new PaperKernel();
    let { links, ground } = await startOn(kernel);
    for (let round = 0; round < 12; round += 1) {
      kernel.refusesToDelete = roll(5) === 0;
      if (roll(3) === 0) ({ links, ground } = await startOn(kernel, roll(60) + 20).catch(() => ({ links, ground })));
      const work = Array.from({ length: 1 + roll(6) }, async () => {
        const name = `p${roll(10)}`;
        if (roll(2) === 0) await links.setUp(pod(name), ground);
        else await links.tearDown(pod(name));
      });
      const audit = roll(3) === 0 ? [links.adopt().then(() => links.settle())] : [];
      await Promise.allSettled([...work, ...audit]);
      const inUse = addressesIn(kernel);
      assert.equal(new Set(inUse).size, inUse.length, `seed ${seed}, round ${round}: an address twice`);
    }
    kernel.refusesToDelete = false;
    const last = await startOn(kernel);
    await last.links.settle();
    assert.deepEqual([...last.links.ips].sort(), addressesIn(kernel), `seed ${seed}: what is had is what is there`);
    assert.equal(kernel.links.size, kernel.aliases.length, `seed ${seed}: halves are left`);
  }
});
