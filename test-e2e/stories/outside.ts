/** Beyond the cluster: what leaves it carries the address of its node, and what comes in by a NodePort is answered. */
import { execa } from 'execa';
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Node, Pod, Service } from '../../src/api/types.gen.ts';
import { eventually, run, type Lab } from '../lab.ts';
import { service, sleeper, webDeployment } from '../workloads.ts';

const OUTSIDE = 'http://203.0.113.1/';

const nodeIP = (node: Node | undefined): string =>
  node?.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? assert.fail('no InternalIP');

export function outsideStories(lab: Lab): void {
  describe('the outside', () => {
    before(async () => {
      await lab.apply(sleeper('traveller'), webDeployment('shop', 1), service('shop', 'shop', { type: 'NodePort' }));
      await lab.kubectl(['wait', '--for=condition=Ready', 'pod/traveller', '--timeout=60s']);
      await lab.kubectl(['rollout', 'status', 'deployment/shop', '--timeout=60s']);
    });

    after(async () => {
      await lab.kubectl(['delete', 'pod/traveller', 'deployment/shop', 'service/shop', '--ignore-not-found']);
    });

    test('a pod is seen there under the address of its node', async () => {
      const traveller = await lab.get<Pod>(['pod', 'traveller']);
      const node = (await lab.nodes()).find(({ metadata }) => metadata.name === traveller.spec?.nodeName);
      const { stdout } = await lab.inPod('traveller', ['wget', '-q', '-O', '-', OUTSIDE]);
      assert.equal(stdout, nodeIP(node));
    });

    test('a node is seen there under its own address', async () => {
      for (const node of await lab.nodes()) {
        const { stdout } = await lab.onNode(node.metadata.name ?? '', ['curl', '-sS', '--max-time', '5', OUTSIDE]);
        assert.equal(stdout, nodeIP(node));
      }
    });

    test('from there a NodePort answers on every node, and no pod or ClusterIP is reached', async () => {
      const found = await lab.get<Service>(['service', 'shop']);
      const [pod] = await lab.pods('app=shop');
      const fetch = async (address: string): Promise<string> => {
        const { stdout } = await lab.onNode('outside', ['curl', '-s', '--max-time', '3', `http://${address}/`], {
          mayFail: true,
        });
        return stdout;
      };
      for (const node of await lab.nodes()) {
        const address = `${nodeIP(node)}:${found.spec?.ports?.[0]?.nodePort}`;
        await eventually(`${address} answers`, async () => (await fetch(address)) === pod?.metadata.name);
      }
      assert.equal(await fetch(`${pod?.status?.podIP}:8080`), '');
      assert.equal(await fetch(found.spec?.clusterIP ?? ''), '');
    });

    test('with internet, what the host reaches a pod reaches, and is seen there as the host', async () => {
      const [netns, link] = [`${lab.name}-beyond`, 'pw-beyond'];
      await lab.up(['--internet=on']);
      try {
        await run(['ip', 'netns', 'add', netns]);
        await run(['ip', 'link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', netns]);
        await run(['ip', 'address', 'add', '10.244.95.1/30', 'dev', link]);
        await run(['ip', 'link', 'set', link, 'up']);
        await run(['ip', '-netns', netns, 'address', 'add', '10.244.95.2/30', 'dev', 'eth0']);
        await run(['ip', '-netns', netns, 'link', 'set', 'eth0', 'up']);
        const script = `require('http').createServer((q, r) => r.end(q.socket.remoteAddress)).listen(80, '10.244.95.2')`;
        const server = execa('nsenter', [`--net=/run/netns/${netns}`, process.execPath, '-e', script], {
          reject: false,
        });
        try {
          await eventually('the world beyond the host answers a pod', async () => {
            const argv = ['wget', '-q', '-O', '-', 'http://10.244.95.2/'];
            return (await lab.inPod('traveller', argv, { mayFail: true })).stdout === '10.244.95.1';
          });
        } finally {
          server.kill('SIGKILL');
        }
      } finally {
        await run(['ip', 'netns', 'delete', netns], { mayFail: true });
        await run(['ip', 'link', 'delete', link], { mayFail: true });
        await lab.up(['--internet=auto']);
      }
    });
  });
}
