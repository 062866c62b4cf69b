/** A lab of IPv6 alone: up, use, down; and the host is as it was. Needs root. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test, type TestContext } from 'node:test';
import { Lab } from './lab.ts';
import { machineState } from './machine-state.ts';
import { added } from './node-state.ts';
import { dualStackStories } from './stories/dual-stack.ts';

const lab = new Lab(process.env['PODWIRE_IPV6_LAB'] ?? 'pwsix');
let failed = false;

describe('a lab of IPv6', { concurrency: 1 }, () => {
  let beforeUp: string[] = [];

  before(async () => {
    beforeUp = await machineState(lab.name);
    await lab.up(['--nodes', '2', '--ip-family', 'ipv6']);
  });

  afterEach((context) => {
    failed ||= !(context as TestContext).passed;
  });

  after(async () => {
    if (failed) process.stderr.write(await lab.dump());
    await lab.podwire(['down'], { mayFail: true });
  });

  dualStackStories(lab, [6]);

  test('doctor finds every way open', async () => {
    const { stdout } = await lab.podwire(['doctor']);
    const sum = /^(\d+) of (\d+) ways are open\.$/m.exec(stdout);
    assert.ok(sum !== null && sum[1] === sum[2] && Number(sum[1]) >= 20, stdout);
  });

  test('down leaves nothing', async () => {
    await lab.podwire(['down']);
    assert.deepEqual(added(beforeUp, await machineState(lab.name)), []);
  });
});
