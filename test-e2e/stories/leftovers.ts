/** A deleted pod leaves nothing on its node, and every rule there says whom it is for. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Pod } from '../../src/api/types.gen.ts';
import { eventually, type Lab } from '../lab.ts';
import { added, nodeState } from '../node-state.ts';
import { service, sleeper, webDeployment } from '../workloads.ts';

export function leftoverStories(lab: Lab): void {
  describe('nothing is left, and what is there can be read', () => {
    before(async () => {
      await lab.apply(sleeper('warm', { nodeName: 'node2' }));
      await lab.kubectl(['wait', '--for=condition=Ready', 'pod/warm', '--timeout=60s']);
    });
    after(async () => {
      await lab.kubectl([
        'delete',
        'pod/warm',
        'pod/guest',
        'deployment/signed',
        'service/signed',
        '--ignore-not-found',
        '--wait',
      ]);
    });

    test('a deleted pod leaves no address, link, rule, cgroup, mount or process, and a new one serves', async () => {
      const before = await nodeState(lab, 'node2');
      for (const round of [1, 2]) {
        await lab.apply(sleeper('guest', { nodeName: 'node2' }));
        await lab.kubectl(['wait', '--for=condition=Ready', 'pod/guest', '--timeout=60s']);
        const during = added(before, await nodeState(lab, 'node2'));
        for (const kind of ['link', 'netns', 'cgroup', 'mount', 'process']) {
          assert.ok(
            during.some((line) => line.startsWith(kind)),
            `round ${round}: the pod shows no ${kind}`,
          );
        }
        const pod = await lab.get<Pod>(['pod', 'guest']);
        await lab.inPod('warm', ['ping', '-c', '1', '-w', '5', pod.status?.podIP ?? '']);
        await lab.kubectl(['delete', 'pod/guest', '--wait']);
        await eventually(`nothing left after round ${round}`, async () => {
          const left = added(before, await nodeState(lab, 'node2'));
          if (left.length > 0) throw new Error(left.join('\n'));
          return true;
        });
      }
    });

    test('every rule and every chain of ours says whom it is for', async () => {
      await lab.apply(webDeployment('signed', 2), service('signed', 'signed', { type: 'NodePort' }));
      await lab.kubectl(['rollout', 'status', 'deployment/signed', '--timeout=60s']);
      const rules = await eventually('rules that name default/signed', async () => {
        const { stdout } = await lab.onNode('node1', ['iptables-save']);
        return stdout.includes('default/signed') ? stdout.split('\n') : undefined;
      });
      for (const rule of rules.filter((line) => line.startsWith('-A'))) assert.match(rule, /--comment/, rule);
      for (const chain of rules.filter((line) => line.startsWith(':PW-'))) {
        const name = chain.slice(1).split(' ')[0] ?? '';
        assert.ok(
          rules.some((line) => line.includes(`-j ${name} `) || line.endsWith(`-j ${name}`)),
          `nothing leads to ${name}`,
        );
      }
    });
  });
}
