/** DaemonSets, by stock kubectl. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import type { DaemonSet } from '../../src/api/types.gen.ts';
import { eventually, type Lab } from '../lab.ts';

function agent(spec: object = {}): object {
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'agent', annotations: { 'kubernetes.io/change-cause': 'the first' } },
    spec: {
      selector: { matchLabels: { app: 'agent' } },
      template: {
        metadata: { labels: { app: 'agent' } },
        spec: {
          terminationGracePeriodSeconds: 0,
          containers: [{ name: 'main', image: 'busybox', command: ['sleep', '1000000'] }],
        },
      },
      ...spec,
    },
  };
}

export function daemonSetStories(lab: Lab): void {
  const rolledOut = (): Promise<unknown> => lab.kubectl(['rollout', 'status', 'daemonset/agent', '--timeout=60s']);
  const nodesOfPods = async (): Promise<(string | undefined)[]> =>
    (await lab.pods('app=agent'))
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .map(({ spec }) => spec?.nodeName)
      .sort();

  describe('a DaemonSet', () => {
    after(async () => {
      await lab.kubectl(['uncordon', 'node3'], { mayFail: true });
      await lab.kubectl(['taint', 'node', 'node2', 'team-'], { mayFail: true });
      await lab.kubectl(['delete', 'daemonset', 'agent', '--ignore-not-found', '--wait', '--cascade=foreground']);
    });

    test('has one pod on each node, also on one that takes no other pods', async () => {
      await lab.kubectl(['cordon', 'node3']);
      await lab.apply(agent());
      await rolledOut();
      assert.deepEqual(await nodesOfPods(), ['node1', 'node2', 'node3']);
      const { stdout } = await lab.kubectl(['get', 'daemonset', 'agent']);
      assert.match(stdout, /agent\s+3\s+3\s+3\s+3\s+3\s+<none>/);
      await lab.kubectl(['uncordon', 'node3']);
    });

    test('rolls one node at a time, and goes back by rollout undo', async () => {
      const before = (await lab.pods('app=agent')).map(({ metadata }) => metadata.uid);
      await lab.kubectl(['set', 'env', 'daemonset/agent', 'COLOUR=red']);
      await rolledOut();
      const pods = await lab.pods('app=agent');
      assert.ok(!pods.some(({ metadata }) => before.includes(metadata.uid)));
      assert.ok(pods.every(({ spec }) => spec?.containers[0]?.env?.[0]?.value === 'red'));
      await lab.kubectl(['rollout', 'undo', 'daemonset/agent']);
      await rolledOut();
      assert.ok((await lab.pods('app=agent')).every(({ spec }) => spec?.containers[0]?.env === undefined));
      const history = (await lab.kubectl(['rollout', 'history', 'daemonset/agent'])).stdout;
      assert.match(history, /\n2\s+the first\s+3\s+the first/);
    });

    test('with a surge a node has its new pod before it loses the old one', async () => {
      const strategy = { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } };
      await lab.kubectl(['patch', 'daemonset/agent', '-p', JSON.stringify({ spec: strategy })]);
      await lab.kubectl(['set', 'env', 'daemonset/agent', 'COLOUR=blue']);
      let fewest = 3;
      await eventually('the new pods', async () => {
        fewest = Math.min(fewest, new Set(await nodesOfPods()).size);
        const { status, metadata } = await lab.get<DaemonSet>(['daemonset', 'agent']);
        return status?.observedGeneration === metadata.generation && status?.updatedNumberScheduled === 3;
      });
      await rolledOut();
      assert.equal(fewest, 3);
      await eventually('the old pods to go', async () => (await lab.pods('app=agent')).length === 3);
    });

    test('leaves a node that is cleared for others, and comes back', async () => {
      await lab.kubectl(['taint', 'node', 'node2', 'team=a:NoExecute']);
      await eventually('node2 without it', async () => (await nodesOfPods()).join() === 'node1,node3');
      await lab.kubectl(['taint', 'node', 'node2', 'team-']);
      await eventually('node2 with it', async () => (await nodesOfPods()).join() === 'node1,node2,node3');
      await rolledOut();
    });

    test('takes its pods and its history along', async () => {
      await lab.kubectl(['delete', 'daemonset', 'agent', '--wait', '--cascade=foreground']);
      assert.deepEqual(await lab.pods('app=agent'), []);
      assert.deepEqual(await lab.list(['controllerrevisions', '-l', 'app=agent']), []);
    });
  });
}
