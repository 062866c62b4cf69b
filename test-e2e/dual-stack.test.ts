/** A lab of two families, in order: up, use, the same again after a restart, down; and the host is as it was. Needs root. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test, type TestContext } from 'node:test';
import { Lab } from './lab.ts';
import { machineState } from './machine-state.ts';
import { added } from './node-state.ts';
import { dualStackStories } from './stories/dual-stack.ts';
import { hostPortStories } from './stories/host-ports.ts';
import { nodeLocalDnsStories } from './stories/node-local-dns.ts';

const lab = new Lab(process.env['PODWIRE_DUAL_LAB'] ?? 'pwdual');
let failed = false;

describe('a lab of two families', { concurrency: 1 }, () => {
  let beforeUp: string[] = [];

  before(async () => {
    beforeUp = await machineState(lab.name);
    await lab.up(['--nodes', '2', '--ip-family', 'dual', '--dns', 'node-local']);
  });

  afterEach((context) => {
    failed ||= !(context as TestContext).passed;
  });

  after(async () => {
    if (failed) process.stderr.write(await lab.dump());
    await lab.podwire(['down'], { mayFail: true });
  });

  dualStackStories(lab);
  hostPortStories(lab);
  nodeLocalDnsStories(lab);

  test('down leaves nothing', async () => {
    await lab.podwire(['down']);
    assert.deepEqual(added(beforeUp, await machineState(lab.name)), []);
  });
});
