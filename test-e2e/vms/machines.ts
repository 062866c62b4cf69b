/** Machines that go and come back: one rebooted, all halted, one destroyed and made anew; and the lab inside of one. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { isConditionTrue } from '../../src/api/conditions.ts';
import type { Node, Pod, Service } from '../../src/api/types.gen.ts';
import { service, sleeper, webDeployment } from '../workloads.ts';
import type { VirtualMachines } from './virtual-machines.ts';

/** Of one command: software emulation on a machine with one processor. */
const labLimitMs = 900_000;

export function machineStories(vms: VirtualMachines): void {
  describe('machines that go and come back', () => {
    let clusterIP = '';

    const bootOf = async (name: string): Promise<string> =>
      (await vms.get<Node>(['node', name])).status?.nodeInfo?.bootID ?? '';
    const isReady = async (name: string): Promise<boolean> =>
      isConditionTrue((await vms.get<Node>(['node', name])).status?.conditions, 'Ready');
    const bootedAgain = async (name: string, boot: string): Promise<void> => {
      await vms.eventually(
        `${name} Ready after a boot`,
        async () => (await bootOf(name)) !== boot && (await isReady(name)),
      );
    };
    /** From the client on node1 to a server on node2, by the Service, and by ping to each server. */
    const packetsPass = async (): Promise<void> => {
      await vms.eventually('an answer from the other machine', async () => {
        const ask = ['timeout', '10', 'wget', '-q', '-O', '-', `http://${clusterIP}/`];
        const { stdout } = await vms.inPod('caller', ask, { mayFail: true });
        return /^far-/.test(stdout);
      });
      for (const pod of (await vms.pods('app=far')).filter(({ metadata }) => metadata.deletionTimestamp === undefined))
        await vms.inPod('caller', ['ping', '-c', '1', '-w', '20', pod.status?.podIP ?? '']);
    };

    before(async () => {
      const far = webDeployment('far', 1) as { spec: { template: { spec: object } } };
      Object.assign(far.spec.template.spec, { nodeSelector: { 'kubernetes.io/hostname': 'node2' } });
      await vms.apply(far, service('far', 'far'), sleeper('caller', { nodeName: 'node1' }));
      await vms.kubectl(['rollout', 'status', 'deployment/far', vms.timeout(60)]);
      await vms.kubectl(['wait', '--for=condition=Ready', 'pod/caller', vms.timeout(60)]);
      clusterIP = (await vms.get<Service>(['service', 'far'])).spec?.clusterIP ?? '';
      await packetsPass();
    });

    test('scripts/up inside of a machine: a lab', async () => {
      const machine = 'control-plane';
      await vms.copy('node_modules', machine);
      const podwire = async (...argv: string[]): Promise<string> =>
        (await vms.onNode(machine, ['/vagrant/scripts/podwire', ...argv], { timeoutMs: labLimitMs })).stdout;
      await vms.onNode(machine, ['/vagrant/scripts/up', '--nodes', '1', '--wait', '10m'], { timeoutMs: labLimitMs });
      assert.match(await podwire('kubectl', 'get', 'nodes'), /node1 .*Ready/);
      const sleep = ['--image=busybox', '--restart=Never', '--command', '--', 'sleep', '1000'];
      await podwire('kubectl', 'run', 'inside', ...sleep);
      await podwire('kubectl', 'wait', '--for=condition=Ready', 'pod/inside', vms.timeout(60));
      await podwire('down');
    });

    test('a node is rebooted: its pods run again, and packets pass', async () => {
      const boot = await bootOf('node2');
      await vms.onNode('node2', ['systemctl', '--no-block', 'reboot'], { mayFail: true });
      await bootedAgain('node2', boot);
      await packetsPass();
    });

    test('halt and up: the same cluster', async () => {
      const uid = (await vms.get<Pod>(['pod', 'caller'])).metadata.uid;
      const boots = new Map([
        ['node1', await bootOf('node1')],
        ['node2', await bootOf('node2')],
      ]);
      await vms.vagrant(['halt']);
      await vms.vagrant(['up', '--no-provision']);
      for (const [name, boot] of boots) await bootedAgain(name, boot);
      assert.equal((await vms.get<Pod>(['pod', 'caller'])).metadata.uid, uid);
      await packetsPass();
    });

    test('a worker is destroyed and made anew under its name', async () => {
      const boot = await bootOf('node2');
      await vms.vagrant(['destroy', '-f', 'node2']);
      await vms.vagrant(['up', 'node2']);
      await bootedAgain('node2', boot);
      await packetsPass();
    });
  });
}
