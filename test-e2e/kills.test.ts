/**
 * A lab that is not treated well, in order: dead nodes, killed processes one by one and at random, commands that are cut short; and the
 * host is as it was. Needs root and what scripts/setup installs. PODWIRE_KILLS_SEED repeats a random run.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test, type TestContext } from 'node:test';
import { eventually, Lab } from './lab.ts';
import { machineState } from './machine-state.ts';
import { added, nodeState } from './node-state.ts';
import { deadNodeStories } from './stories/dead-node.ts';
import { hostilePortStories } from './stories/hostile-ports.ts';
import { killStories } from './stories/kills.ts';
import { service, sleeper, webDeployment } from './workloads.ts';

const lab = new Lab(process.env['PODWIRE_KILLS_LAB'] ?? 'pwkills');
const NODES = ['node1', 'node2', 'node3'];
const graceSeconds = 8;
const scene = { workload: 'steady', client: 'client' };
let failed = false;

describe('a lab that is not treated well', { concurrency: 1 }, () => {
  let beforeUp: string[] = [];
  /** Each node when its first pod has come and gone. */
  const warm = new Map<string, string[]>();

  before(async () => {
    beforeUp = await machineState(lab.name);
    // Without DNS: its pods would move between nodes meanwhile, and a node's state is compared at the end.
    await lab.up(['--node-monitor-grace-period', `${graceSeconds}s`, '--dns=off']);
    for (const node of NODES) await lab.apply(sleeper(`warm-${node}`, { nodeName: node }));
    await lab.kubectl(['wait', '--for=condition=Ready', 'pod', '--all', '--timeout=60s']);
    await lab.kubectl(['delete', 'pod', '--all', '--wait']);
    for (const node of NODES) warm.set(node, await nodeState(lab, node));
    await lab.apply(webDeployment(scene.workload, 4), service(scene.workload, scene.workload));
    await lab.apply(sleeper(scene.client, { nodeName: 'node1' }));
    await lab.kubectl(['rollout', 'status', `deployment/${scene.workload}`, '--timeout=60s']);
    await lab.kubectl(['wait', '--for=condition=Ready', `pod/${scene.client}`, '--timeout=60s']);
  });

  afterEach((context) => {
    failed ||= !(context as TestContext).passed;
  });

  after(async () => {
    if (failed) process.stderr.write(await lab.dump());
    await lab.podwire(['down'], { mayFail: true });
  });

  hostilePortStories(lab);
  killStories(lab, scene);
  deadNodeStories(lab, { ...scene, graceSeconds });

  test('pods that lived through all that leave nothing on their nodes', async () => {
    const services = [`service/${scene.workload}`, 'service/another'];
    await lab.kubectl(['delete', `deployment/${scene.workload}`, ...services, '--ignore-not-found']);
    await lab.kubectl(['delete', 'pod', '--all', '--wait']);
    for (const node of NODES)
      await eventually(`nothing left on ${node}`, async () => {
        const left = added(warm.get(node) ?? [], await nodeState(lab, node));
        if (left.length > 0) throw new Error(left.join('\n'));
        return true;
      });
  });

  test('down leaves nothing on the host', async () => {
    await lab.podwire(['down']);
    const left = (await machineState(lab.name)).filter((line) => !beforeUp.includes(line));
    assert.deepEqual(left, []);
  });
});
