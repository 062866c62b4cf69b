/** The agent under systemd: stopped, killed and started anew, while its pods go on. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Pod } from '../../src/api/types.gen.ts';
import { sleeper } from '../workloads.ts';
import type { VirtualMachines } from './virtual-machines.ts';

export function unitStories(vms: VirtualMachines): void {
  describe('the units of systemd', () => {
    const node = 'node1';
    /** When the sleeper's process began; empty once it is gone. */
    const began = async (): Promise<string> =>
      (await vms.onNode(node, ['ps', '-o', 'lstart=', '-p', pid], { mayFail: true })).stdout;
    const property = async (name: string): Promise<string> =>
      (await vms.onNode(node, ['systemctl', 'show', '-P', name, 'podwire-agent'])).stdout.trim();
    const inCluster = async (): Promise<void> => {
      await vms.eventually('exec by an agent that runs again', async () => {
        const { code } = await vms.inPod('stays', ['true'], { mayFail: true });
        return code === 0;
      });
    };
    let pid = '';
    let begin = '';

    before(async () => {
      await vms.apply(sleeper('stays', { nodeName: node }));
      await vms.kubectl(['wait', '--for=condition=Ready', 'pod/stays', vms.timeout(60)]);
      // The newest: those of stories before may still be on their way out.
      pid = (await vms.onNode(node, ['pgrep', '-n', '-f', '^sleep 1000000'])).stdout.trim();
      begin = await began();
    });

    after(async () => {
      await vms.kubectl(['delete', 'pod/stays', '--ignore-not-found']);
    });

    test('its pods and their namespaces are the machine’s own, in the control group of the other unit', async () => {
      const { stdout } = await vms.onNode(node, ['cat', `/proc/${pid}/cgroup`]);
      assert.match(stdout, /^0::\/system\.slice\/podwire-pods\.service\/kubepods\/pod/m);
      const { status } = await vms.get<Pod>(['pod', 'stays']);
      const names = (await vms.onNode(node, ['ip', 'netns', 'list'])).stdout
        .split('\n')
        .map((line) => line.split(' ')[0]);
      const addresses = await Promise.all(
        names
          .filter(Boolean)
          .map(async (name) => (await vms.onNode(node, ['ip', '-n', name ?? '', '-4', 'address'])).stdout),
      );
      assert.ok(
        addresses.some((text) => text.includes(` ${status?.podIP}/`)),
        addresses.join('\n'),
      );
    });

    test('stopped, it leaves its pods running, and takes them over when it is started', async () => {
      await vms.onNode(node, ['systemctl', 'stop', 'podwire-agent']);
      assert.equal(await began(), begin);
      await vms.onNode(node, ['systemctl', 'start', 'podwire-agent']);
      await inCluster();
      assert.equal(await began(), begin);
    });

    test('killed, it is started anew, and its pods do not notice', async () => {
      const agent = await property('MainPID');
      await vms.onNode(node, ['kill', '-9', agent]);
      await vms.eventually('another process', async () => !['0', agent].includes(await property('MainPID')));
      await inCluster();
      assert.equal(await began(), begin);
      assert.equal((await vms.get<Pod>(['pod', 'stays'])).status?.containerStatuses?.[0]?.restartCount, 0);
    });

    test('its words are in the journal', async () => {
      const { stdout } = await vms.onNode(node, ['journalctl', '-q', '--no-pager', '-o', 'cat', '-u', 'podwire-agent']);
      assert.match(stdout, /the node is ready/);
    });
  });
}
