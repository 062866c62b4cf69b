/** The shared cases on paper: over the rules as each mode makes them. See test/cases/README.md. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { caseModes, type CaseMode, type PacketCase } from '../../test/cases/packet-case.ts';
import { pendingReason } from '../../test/cases/pending.ts';
import { clusterServices, clusterSlices, packetCases } from '../../test/cases/service-packets.ts';
import { createTally } from '../../test/cases/tally.ts';
import { PaperCluster } from './testing/paper-cluster.ts';
import type { PaperMode } from './testing/paper-mode.ts';
import { paperModes } from './testing/paper-modes.ts';
import { runOnPaper } from './testing/run-on-paper.ts';

/** A cluster a family and set-up: cases begin with the same one. */
function clustersOf(mode: PaperMode): (one: PacketCase) => PaperCluster {
  const made = new Map<string, PaperCluster>();
  return ({ family, setUp }) => {
    const key = `${family} ${setUp}`;
    const objects = { services: clusterServices, slices: clusterSlices };
    const found = made.get(key) ?? PaperCluster.make(mode, family, objects, setUp);
    made.set(key, found);
    return found;
  };
}

function runMode(mode: CaseMode, paper: PaperMode): void {
  const tally = createTally(`on paper, ${mode}`);
  const clusterFor = clustersOf(paper);
  for (const one of packetCases) {
    test(one.name, (t) => {
      const reason = pendingReason(mode, 'paper', one.name);
      const run = (): void => runOnPaper(one, clusterFor(one), mode);
      if (reason === undefined) return tally.passes(run);
      tally.pending(one.name, reason, run);
      t.todo(reason);
    });
  }
  after(() => tally.print());
}

for (const mode of caseModes) {
  const paper = paperModes[mode];
  if (typeof paper === 'function') describe(`on paper, ${mode}`, () => runMode(mode, paper));
  else if (paper !== undefined)
    test(`on paper, ${mode}: ${packetCases.length} cases`, { skip: paper.missing }, () => {});
}

test('there are enough cases, each with a name of its own', () => {
  assert.ok(packetCases.length >= 150, `${packetCases.length}`);
  assert.equal(new Set(packetCases.map(({ name }) => name)).size, packetCases.length);
});
