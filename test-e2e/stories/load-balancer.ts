/** Services of type LoadBalancer: an address on the nodes' network that one node answers for, and another when that one is gone. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Event, Service } from '../../src/api/types.gen.ts';
import { eventually, run, type Lab } from '../lab.ts';
import { sleeper, webDeployment } from '../workloads.ts';

/** A node is given up 40 s after its last sign of life. */
const takeoverBoundMs = 400_000;

export function loadBalancerStories(lab: Lab): void {
  const found = (): Promise<Service> => lab.get<Service>(['service', 'front']);
  const address = async (): Promise<string> =>
    eventually('an address', async () => (await found()).status?.loadBalancer?.ingress?.[0]?.ip);
  const answeredBy = async (): Promise<string> =>
    (await found()).metadata.annotations?.['podwire.dev/answered-by'] ?? '';
  const curl = (ip: string): string[] => ['curl', '-s', '--max-time', '3', `http://${ip}/`];
  const isPod = (text: string): boolean => text.startsWith('front-');
  const fromHost = async (ip: string): Promise<boolean> => isPod((await run(curl(ip), { mayFail: true })).stdout);
  const from = async (machine: string, ip: string): Promise<boolean> =>
    isPod((await lab.onNode(machine, curl(ip), { mayFail: true })).stdout);
  const clients = async (): Promise<string> => (await lab.kubectl(['logs', '-l', 'app=front', '--tail=-1'])).stdout;

  describe('a Service of type LoadBalancer', () => {
    before(async () => {
      await lab.apply(sleeper('customer'), webDeployment('front', 2));
      await lab.kubectl(['rollout', 'status', 'deployment/front', '--timeout=60s']);
      await lab.kubectl(['wait', '--for=condition=Ready', 'pod/customer', '--timeout=60s']);
      const expose = ['expose', 'deployment', 'front', '--port=80', '--target-port=8080', '--type=LoadBalancer'];
      await lab.kubectl(expose);
    });

    after(async () => {
      await lab.kubectl(['delete', 'service/front', 'deployment/front', 'pod/customer', '--ignore-not-found']);
    });

    test('is reached at its address from the host, from outside, from every node and from pods', async () => {
      const ip = await address();
      await eventually('the host', () => fromHost(ip));
      for (const machine of ['outside', 'control-plane', 'node1', 'node2', 'node3'])
        await eventually(machine, () => from(machine, ip));
      await eventually('a pod', async () =>
        isPod((await lab.inPod('customer', ['wget', '-q', '-O', '-', `http://${ip}/`], { mayFail: true })).stdout),
      );
    });

    test('kubectl shows address and node', async () => {
      const { stdout } = await lab.kubectl(['get', 'service', 'front', '--no-headers']);
      assert.equal(stdout.split(/\s+/)[3], await address());
      const node = await answeredBy();
      const events = await lab.list<Event>(['events', '--field-selector', 'involvedObject.name=front']);
      assert.ok(events.some(({ message }) => message?.endsWith(`node ${node} answers for it`)));
    });

    test('a port that it does not have is refused', async () => {
      const ip = await address();
      const { code } = await run(['curl', '-s', '--max-time', '5', `http://${ip}:81/`], { mayFail: true });
      // 7: refused; 28 would be a time-out.
      assert.equal(code, 7);
    });

    test('with policy Local the pods see who asked', async () => {
      const ip = await address();
      await lab.kubectl(['patch', 'service', 'front', '-p', '{"spec":{"externalTrafficPolicy":"Local"}}']);
      const outside = (await lab.onNode('outside', ['ip', '-4', '-o', 'address', 'show', 'eth0'])).stdout;
      const [, client = 'none'] = /inet ([\d.]+)/.exec(outside) ?? [];
      await eventually('the caller in the logs', async () => {
        await from('outside', ip);
        // As `[::ffff:10.44.0.3]:1234` or `10.44.0.3:1234`.
        return new RegExp(`\\b${client.replaceAll('.', '\\.')}\\]?:`).test(await clients());
      });
      await lab.kubectl(['patch', 'service', 'front', '-p', '{"spec":{"externalTrafficPolicy":"Cluster"}}']);
    });

    test('another node takes over when the one that answers is gone', async () => {
      const ip = await address();
      const before = await answeredBy();
      await lab.podwire(['node', 'stop', before]);
      try {
        await eventually('another node', async () => ![before, ''].includes(await answeredBy()), takeoverBoundMs);
        await eventually('the same address answers again', () => fromHost(ip), takeoverBoundMs);
      } finally {
        await lab.podwire(['node', 'start', before]);
      }
      await lab.kubectl(['wait', '--for=condition=Ready', `node/${before}`, '--timeout=120s']);
      assert.equal(await address(), ip);
    });

    test('without it nobody answers for the address', async () => {
      const ip = await address();
      const node = await answeredBy();
      await lab.kubectl(['delete', 'service', 'front']);
      await eventually('no local route', async () => {
        const { stdout } = await lab.onNode(node, ['ip', 'route', 'show', 'table', 'local', 'proto', '78']);
        return !stdout.includes(ip);
      });
      assert.equal(await fromHost(ip), false);
    });
  });
}
