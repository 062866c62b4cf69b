/** Real packets between real pods: ping to every pod, one Service over three nodes, NodePort, source addresses. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Node, Pod, Service } from '../../src/api/types.gen.ts';
import { run, type Lab } from '../lab.ts';
import { service, sleeper, webDeployment } from '../workloads.ts';

/** The 0.999 quantile of chi-square with 3 degrees of freedom (four servers). */
const CHI_SQUARE_3_0999 = 16.266;
const REQUESTS = 600;

const podIP = (pod: Pod): string => pod.status?.podIP ?? assert.fail(`${pod.metadata.name} has no address`);
const nodeIP = (node: Node): string =>
  node.status?.addresses?.find((address) => address.type === 'InternalIP')?.address ?? assert.fail('no InternalIP');

function chiSquare(counts: readonly number[]): number {
  const expected = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

export function packetStories(lab: Lab): void {
  describe('packets between pods, Services and nodes', () => {
    let web: Pod[] = [];
    let frontend: Service;

    before(async () => {
      await lab.apply(webDeployment('web', 4), service('frontend', 'web', { type: 'NodePort' }), sleeper('client'));
      await lab.kubectl(['rollout', 'status', 'deployment/web', lab.timeout(60)]);
      await lab.kubectl(['wait', '--for=condition=Ready', 'pod/client', lab.timeout(60)]);
      web = await lab.pods('app=web');
      frontend = await lab.get<Service>(['service', 'frontend']);
    });

    after(async () => {
      await lab.kubectl(['delete', 'deployment/web', 'service/frontend', 'pod/client', '--wait', '--ignore-not-found']);
    });

    test('four replicas stand on all nodes, each pod with an address of its node', async () => {
      const nodes = await lab.nodes();
      assert.equal(web.length, 4);
      assert.equal(new Set(web.map((pod) => pod.spec?.nodeName)).size, lab.size);
      for (const pod of web) {
        const cidr = nodes.find((node) => node.metadata.name === pod.spec?.nodeName)?.spec?.podCIDR ?? '';
        assert.ok(podIP(pod).startsWith(cidr.replace(/\.0\/24$/, '.')), `${podIP(pod)} is not in ${cidr}`);
      }
    });

    test('the client pings every pod on every node, and every node', async () => {
      const targets = [...web.map(podIP), ...(await lab.nodes()).map(nodeIP)];
      for (const target of targets) await lab.inPod('client', ['ping', '-c', '1', '-w', `${5 * lab.slowness}`, target]);
    });

    test('600 requests to the ClusterIP reach all four servers evenly (chi-square, p > 0.001)', async () => {
      const url = `http://${frontend.spec?.clusterIP}/`;
      const loop = `i=0; while [ $i -lt ${REQUESTS} ]; do wget -q -O - ${url} || echo FAILED; i=$((i+1)); done`;
      const answers = (await lab.inPod('client', ['sh', '-c', loop], { timeoutMs: 120_000 * lab.slowness })).stdout
        .trim()
        .split('\n');
      const counts = web.map((pod) => answers.filter((answer) => answer === pod.metadata.name).length);
      assert.equal(
        counts.reduce((sum, count) => sum + count, 0),
        REQUESTS,
        `answers from elsewhere: ${[...new Set(answers)].join(', ')}`,
      );
      assert.ok(chiSquare(counts) < CHI_SQUARE_3_0999, `uneven: ${counts.join(', ')}`);
    });

    test('every server logs the address of the client pod itself', async () => {
      const client = podIP(await lab.get<Pod>(['pod', 'client']));
      for (const pod of web) {
        const log = (await lab.kubectl(['logs', pod.metadata.name ?? ''])).stdout;
        assert.match(
          log,
          new RegExp(`${client.replaceAll('.', '\\.')}[\\]:]`),
          `${pod.metadata.name} logged\n${log.slice(0, 500)}`,
        );
      }
    });

    test('the NodePort answers on every node address, from the host, from a pod and from each node', async () => {
      const port = frontend.spec?.ports?.[0]?.nodePort;
      const names = web.map((pod) => pod.metadata.name);
      for (const node of await lab.nodes()) {
        const url = `http://${nodeIP(node)}:${port}/`;
        assert.ok(
          names.includes((await run(['curl', '-sS', '--max-time', `${5 * lab.slowness}`, url])).stdout.trim()),
          `host to ${url}`,
        );
        assert.ok(
          names.includes((await lab.inPod('client', ['wget', '-q', '-O', '-', url])).stdout.trim()),
          `pod to ${url}`,
        );
        for (const from of await lab.nodes()) {
          const answer = await lab.onNode(from.metadata.name ?? '', [
            'curl',
            '-sS',
            '--max-time',
            `${5 * lab.slowness}`,
            url,
          ]);
          assert.ok(names.includes(answer.stdout.trim()), `${from.metadata.name} to ${url}`);
        }
      }
    });

    test('a node reaches the ClusterIP itself', async () => {
      const answer = await lab.onNode('node1', [
        'curl',
        '-sS',
        '--max-time',
        '5',
        `http://${frontend.spec?.clusterIP}/`,
      ]);
      assert.ok(web.some((pod) => pod.metadata.name === answer.stdout.trim()));
    });

    test('hairpin: a pod reaches itself through its own Service', async () => {
      await lab.apply(
        service('alone', 'lonely', { ports: [{ port: 80, targetPort: 8080 }] }),
        webDeployment('lonely', 1),
      );
      await lab.kubectl(['rollout', 'status', 'deployment/lonely', lab.timeout(60)]);
      const [pod] = await lab.pods('app=lonely');
      const clusterIP = (await lab.get<Service>(['service', 'alone'])).spec?.clusterIP;
      const name = pod?.metadata.name ?? '';
      const answer = await lab.eventually('an answer from itself', async () => {
        const outcome = await lab.inPod(name, ['wget', '-q', '-O', '-', `http://${clusterIP}/`], { mayFail: true });
        return outcome.code === 0 ? outcome.stdout.trim() : undefined;
      });
      assert.equal(answer, name);
      await lab.kubectl(['delete', 'deployment/lonely', 'service/alone']);
    });

    test('a Service without endpoints refuses at once', async () => {
      await lab.apply(service('nobody', 'nobody'));
      const clusterIP = (await lab.get<Service>(['service', 'nobody'])).spec?.clusterIP;
      await lab.eventually('a refusal', async () => {
        const outcome = await lab.inPod('client', ['timeout', '3', 'wget', '-q', '-O', '-', `http://${clusterIP}/`], {
          mayFail: true,
        });
        return /refused/.test(outcome.stderr);
      });
      const started = Date.now();
      await lab.inPod('client', ['timeout', '3', 'wget', '-q', '-O', '-', `http://${clusterIP}/`], { mayFail: true });
      assert.ok(
        Date.now() - started < 2_500 * lab.slowness,
        `took ${Date.now() - started} ms: it hung instead of being refused`,
      );
      await lab.kubectl(['delete', 'service/nobody']);
    });

    test('what leaves the cluster carries the address of the node', async () => {
      const client = await lab.get<Pod>(['pod', 'client']);
      const node = (await lab.nodes()).find((candidate) => candidate.metadata.name === client.spec?.nodeName);
      assert.ok(node);
      assert.equal(await sourceSeenByHost(lab, 'client', nodeIP(node)), nodeIP(node));
    });
  });
}

/** Listens on the host, lets the pod connect to it, and answers which source address arrived. */
async function sourceSeenByHost(lab: Lab, pod: string, anyNodeIP: string): Promise<string> {
  const { createServer } = await import('node:http');
  const route = (await run(['ip', '-j', 'route', 'get', anyNodeIP])).stdout;
  const [{ prefsrc }] = JSON.parse(route) as [{ prefsrc: string }];
  const server = createServer((request, response) => response.end(request.socket.remoteAddress));
  await new Promise<void>((resolve) => server.listen(0, prefsrc, resolve));
  try {
    const address = server.address();
    assert.ok(address !== null && typeof address === 'object');
    return (await lab.inPod(pod, ['wget', '-q', '-O', '-', `http://${prefsrc}:${address.port}/`])).stdout.trim();
  } finally {
    server.close();
  }
}
