/** The stories on virtual machines. Run by scripts/vagrant-e2e, which made them, in the namespace where they are reached. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test, type TestContext } from 'node:test';
import { packetStories } from '../stories/packets.ts';
import { sleeper } from '../workloads.ts';
import { machineStories } from './machines.ts';
import { unitStories } from './units.ts';
import { VirtualMachines } from './virtual-machines.ts';

const stateFolder = process.env['VAGRANT_DOTFILE_PATH'] ?? assert.fail('run this by scripts/vagrant-e2e');
const vms = new VirtualMachines(stateFolder);
let failed = false;

describe('a control plane and two nodes on virtual machines', { concurrency: 1 }, () => {
  before(async () => {
    await vms.writeSshConfig();
    await vms.allReady();
  });

  afterEach((context) => {
    failed ||= !(context as TestContext).passed;
  });

  after(async () => {
    if (failed) process.stderr.write(await vms.dump());
  });

  test('the cluster is seen from this host, and from its machines by podwire itself', async () => {
    assert.deepEqual((await vms.nodes()).map(({ metadata }) => metadata.name).sort(), ['node1', 'node2']);
    for (const machine of ['control-plane', 'node1']) {
      const { stdout } = await vms.onNode(machine, ['podwire', 'kubectl', 'get', 'nodes']);
      assert.match(stdout, /node1 .*Ready[^]*node2 .*Ready/, machine);
    }
  });

  test('the machines are what the lab is not: systemd, cgroup v2 with all controllers', async () => {
    const { stdout } = await vms.onNode('node1', ['podwire', 'doctor', '--host']);
    assert.match(stdout, /control groups: v2, controllers of v2: .*cpu.*memory.*pids/);
    assert.match(stdout, /this machine can be a node/);
  });

  test('a limit of memory is one in the kernel', async () => {
    const limits = { resources: { limits: { memory: '64Mi', cpu: '500m' } } };
    const pod = sleeper('limited', { nodeName: 'node1' }) as { spec: { containers: object[] } };
    pod.spec.containers = pod.spec.containers.map((container) => ({ ...container, ...limits }));
    await vms.apply(pod);
    await vms.kubectl(['wait', '--for=condition=Ready', 'pod/limited', vms.timeout(60)]);
    const read = 'cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max';
    assert.equal((await vms.inPod('limited', ['sh', '-c', read])).stdout, `${64 * 1024 * 1024}\n50000 100000`);
    await vms.kubectl(['delete', 'pod/limited']);
  });

  packetStories(vms);
  unitStories(vms);
  machineStories(vms);
});
