/** Pods to pods, Services, NodePorts, load balancers, names and the outside, by IPv4 and by IPv6; or in a lab of IPv6 alone. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Node, Pod, Service } from '../../src/api/types.gen.ts';
import { eventually, run, type Lab } from '../lab.ts';
import { service, sleeper, webDeployment } from '../workloads.ts';

type Family = 4 | 6;
const outside = { 4: '203.0.113.1', 6: '2001:db8::1' } as const;

const isOf = (family: Family, address: string): boolean => address.includes(':') === (family === 6);
const host = (address: string): string => (address.includes(':') ? `[${address}]` : address);

function oneOf(family: Family, addresses: readonly string[], whose: string): string {
  const own = addresses.filter((address) => isOf(family, address));
  assert.equal(own.length, 1, `${whose} has one address of IPv${family}: ${addresses.join(' ')}`);
  return own[0] ?? '';
}

const podIP = (family: Family, { metadata, status }: Pod): string =>
  oneOf(
    family,
    (status?.podIPs ?? []).map(({ ip }) => ip),
    metadata.name ?? '',
  );

function nodeIP(family: Family, { metadata, status }: Node): string {
  const own = (status?.addresses ?? []).filter(({ type }) => type === 'InternalIP');
  return oneOf(
    family,
    own.map(({ address }) => address),
    metadata.name ?? '',
  );
}

export function dualStackStories(lab: Lab, families: readonly Family[] = [4, 6]): void {
  describe(`families: ${families.join(', ')}`, () => {
    let client: Pod;
    let web: Pod[];
    let nodes: Node[];
    let front: Service;

    /** From the client. */
    const page = async (address: string): Promise<string> =>
      (await lab.inPod('client', ['wget', '-q', '-O', '-', `http://${address}/`])).stdout;

    before(async () => {
      const spec = {
        type: 'LoadBalancer',
        ipFamilyPolicy: families.length > 1 ? 'RequireDualStack' : 'SingleStack',
      };
      await lab.apply(sleeper('client'), webDeployment('web', 4), service('web', 'web', spec));
      await lab.kubectl(['wait', '--for=condition=Ready', 'pod/client', '--timeout=60s']);
      await lab.kubectl(['rollout', 'status', 'deployment/web', '--timeout=60s']);
      [client, web, nodes, front] = [
        await lab.get<Pod>(['pod', 'client']),
        await lab.pods('app=web'),
        await lab.nodes(),
        await lab.get<Service>(['service', 'web']),
      ];
      assert.ok(new Set(web.map((pod) => pod.spec?.nodeName)).size > 1, 'pods on more than one node');
    });

    after(async () => {
      await lab.kubectl(['delete', 'pod/client', 'deployment/web', 'service/web', '--ignore-not-found']);
    });

    for (const family of families) {
      test(`IPv${family}: a pod reaches pods of its own node and of others, and is seen as itself`, async () => {
        for (const pod of web) {
          const address = podIP(family, pod);
          await lab.inPod('client', ['ping', '-c', '1', '-W', '2', address]);
          assert.equal(await page(`${host(address)}:8080`), pod.metadata.name);
          const { stdout } = await lab.kubectl(['logs', pod.metadata.name ?? '']);
          assert.ok(stdout.includes(podIP(family, client)), stdout);
        }
      });

      test(`IPv${family}: a Service answers, from a pod, from a node, and by its NodePort from outside`, async () => {
        const clusterIP = host(oneOf(family, front.spec?.clusterIPs ?? [], 'the Service'));
        const names = new Set(web.map(({ metadata }) => metadata.name));
        await eventually('rules are there', async () => names.has(await page(clusterIP)));
        const curl = async (machine: string, address: string): Promise<string> =>
          (await lab.onNode(machine, ['curl', '-sS', '--max-time', '3', `http://${address}/`])).stdout;
        for (const node of nodes) {
          assert.ok(names.has(await curl(node.metadata.name ?? '', clusterIP)));
          const port = `${host(nodeIP(family, node))}:${front.spec?.ports?.[0]?.nodePort}`;
          assert.ok(names.has(await curl('outside', port)));
        }
      });

      test(`IPv${family}: the address of a load balancer answers the host, the outside, nodes and pods`, async () => {
        const names = new Set(web.map(({ metadata }) => metadata.name));
        const address = await eventually('an address', async () => {
          const { status } = await lab.get<Service>(['service', 'web']);
          return status?.loadBalancer?.ingress?.find(({ ip = '' }) => isOf(family, ip))?.ip;
        });
        const argv = ['curl', '-sS', '--max-time', '3', `http://${host(address)}/`];
        await eventually('the host', async () => names.has((await run(argv, { mayFail: true })).stdout));
        for (const machine of ['outside', 'control-plane', ...nodes.map(({ metadata }) => metadata.name ?? '')])
          assert.ok(names.has((await lab.onNode(machine, argv)).stdout), machine);
        assert.ok(names.has(await page(host(address))));
        // 7: refused; 28 would be a time-out.
        assert.equal((await run([...argv.slice(0, -1), `http://${host(address)}:81/`], { mayFail: true })).code, 7);
      });

      test(`IPv${family}: beyond the cluster a pod is seen as its node`, async () => {
        const node = nodes.find(({ metadata }) => metadata.name === client.spec?.nodeName);
        assert.ok(node);
        assert.equal(await page(host(outside[family])), nodeIP(family, node));
      });

      test(`IPv${family}: a name has the Service's address, and DNS is asked by it`, async () => {
        const type = family === 4 ? 'a' : 'aaaa';
        const dns = await lab.get<Service>(['service', 'kube-dns', '-n', 'kube-system']);
        const server = oneOf(family, dns.spec?.clusterIPs ?? [], 'kube-dns');
        const argv = ['nslookup', `-type=${type}`, 'web.default.svc.cluster.local', server];
        const clusterIP = oneOf(family, front.spec?.clusterIPs ?? [], 'the Service');
        await eventually('the name', async () =>
          (await lab.inPod('client', argv, { mayFail: true })).stdout.includes(`Address: ${clusterIP}`),
        );
      });
    }
  });
}
