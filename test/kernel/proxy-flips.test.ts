/** Endpoints come and go as fast as they can be written, while clients connect: nobody is refused, nobody waits in vain. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { caseModes, type CaseMode } from '../cases/packet-case.ts';
import { clusterSlices } from '../cases/service-packets.ts';
import { addressesOf, familyNames, type Party } from '../cases/world.ts';
import { CaseLab } from './case-lab.ts';
import type { PartyQuestion } from './packet-party.ts';
import { isThorough, skipReason } from './wire-modes.ts';

const forMs = isThorough ? 10_000 : 4000;
/** Service 10 has a cluster IP alone, Service 20 a node port, too; both have three endpoints. */
const flipped = ['web', 'door'];
const askers: readonly (readonly [Party, PartyQuestion])[] = familyNames.flatMap((family) => {
  const cluster = family === 'ipv4' ? '10.78.0.10' : 'fd00:78::a';
  const question = (address: string, port: number): PartyQuestion => ({
    ...{ protocol: 'tcp', address, port, times: 1, forMs, timeoutMs: 5000 },
  });
  return [
    ['b2', question(cluster, 80)],
    ['node-a', question(cluster, 80)],
    ['outside', question(addressesOf['node-a'][family], 30_020)],
  ] as const;
});

/** From three endpoints to one and back; tells how often. */
async function flip(lab: CaseLab, isOver: () => boolean): Promise<number> {
  const whole = clusterSlices.filter(({ metadata }) =>
    flipped.includes(metadata.labels?.['kubernetes.io/service-name'] ?? ''),
  );
  const first = whole.map((one) => ({ ...one, endpoints: one.endpoints?.slice(0, 1) }));
  let times = 0;
  for (; !isOver(); times += 1) {
    lab.setSlices(times % 2 === 0 ? first : whole);
    await sleep(5);
  }
  return times;
}

async function run(mode: CaseMode, log: (text: string) => void): Promise<void> {
  const lab = await CaseLab.make(mode);
  try {
    await lab.startProxies(mode, 'default');
    let isOver = false;
    const flips = flip(lab, () => isOver);
    const all = await Promise.all(askers.map(([from, question]) => lab.party(from).ask([question])));
    isOver = true;
    const answers = all.flat(2);
    const wrong = answers.filter((one) => !/^(a1|a2|b1) /.test(one));
    log(`${answers.length} connections, ${await flips} flips`);
    assert.deepEqual(
      Object.groupBy(wrong, (one) => one),
      { __proto__: null },
    );
    for (const name of ['a1', 'a2', 'b1'])
      assert.ok(
        answers.some((one) => one.startsWith(name)),
        name,
      );
  } finally {
    await lab.end();
  }
}

for (const mode of caseModes)
  test(`endpoints flip under load, ${mode}`, { skip: skipReason(mode), timeout: 120_000 }, (t) =>
    run(mode, (text) => t.diagnostic(text)),
  );
