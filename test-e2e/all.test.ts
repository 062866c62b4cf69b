/**
 * The stories, in one lab, in order: up, use, stop, up again, down; and the host is as it was.
 * Needs root and what scripts/setup installs.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test, type TestContext } from 'node:test';
import type { Pod } from '../src/api/types.gen.ts';
import { eventually, Lab, run } from './lab.ts';
import { machineState } from './machine-state.ts';
import { daemonSetStories } from './stories/daemon-sets.ts';
import { interferenceStories } from './stories/interference.ts';
import { kubectlStories } from './stories/kubectl.ts';
import { leftoverStories } from './stories/leftovers.ts';
import { lifeStories } from './stories/lives.ts';
import { loadBalancerStories } from './stories/load-balancer.ts';
import { nameStories } from './stories/names.ts';
import { logStories } from './stories/logs.ts';
import { networkPolicyStories } from './stories/network-policies.ts';
import { outsideStories } from './stories/outside.ts';
import { packetStories } from './stories/packets.ts';
import { proxyModeStories } from './stories/proxy-modes.ts';
import { rollingStories } from './stories/rolling.ts';
import { staticPodStories } from './stories/static-pods.ts';
import { tokenStories } from './stories/tokens.ts';
import { streamStories } from './stories/streams.ts';
import { udpStories } from './stories/udp.ts';
import { sleeper } from './workloads.ts';

const lab = new Lab(process.env['PODWIRE_E2E_LAB'] ?? 'podwire');
let failed = false;

describe('a lab of three nodes', { concurrency: 1 }, () => {
  let beforeUp: string[] = [];

  before(async () => {
    beforeUp = await machineState(lab.name);
    await lab.up();
  });

  afterEach((context) => {
    failed ||= !(context as TestContext).passed;
  });

  after(async () => {
    if (failed) process.stderr.write(await lab.dump());
    await lab.podwire(['down'], { mayFail: true });
  });

  test('up twice is harmless, and status tells of three Ready nodes', async () => {
    await lab.up();
    assert.equal((await lab.nodes()).length, 3);
    const { stdout } = await lab.podwire(['status']);
    for (const node of ['node1', 'node2', 'node3']) assert.match(stdout, new RegExp(`${node}.*Ready`));
  });

  packetStories(lab);
  outsideStories(lab);
  loadBalancerStories(lab);
  udpStories(lab);
  networkPolicyStories(lab);
  nameStories(lab);
  tokenStories(lab);
  kubectlStories(lab);
  streamStories(lab);
  daemonSetStories(lab);
  lifeStories(lab);
  staticPodStories(lab);
  logStories(lab);
  rollingStories(lab);
  interferenceStories(lab);
  leftoverStories(lab);
  proxyModeStories(lab);

  test('stop keeps everything, and up brings the same cluster back', async () => {
    await lab.apply(sleeper('survivor'));
    await lab.kubectl(['wait', '--for=condition=Ready', 'pod/survivor', '--timeout=60s']);
    const uid = (await lab.get<Pod>(['pod', 'survivor'])).metadata.uid;
    await lab.podwire(['stop']);
    await lab.up();
    const pod = await eventually('the pod Ready again', async () => {
      const found = await lab.get<Pod>(['pod', 'survivor']);
      return found.status?.containerStatuses?.[0]?.ready === true ? found : undefined;
    });
    assert.equal(pod.metadata.uid, uid);
    await eventually('exec into it', async () => (await lab.inPod('survivor', ['true'], { mayFail: true })).code === 0);
  });

  test('a stranger without a certificate is turned away by the API server and by the kubelet', async () => {
    const { clusters } = JSON.parse((await lab.kubectl(['config', 'view', '-o', 'json'])).stdout) as {
      clusters: { cluster: { server: string } }[];
    };
    const server = clusters[0]?.cluster.server ?? '';
    const node = (await lab.nodes())[0]?.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address;
    for (const url of [`${server}/api/v1/secrets`, `https://${node}:10250/pods`]) {
      const { stdout } = await run(['curl', '-sk', '--max-time', '5', '-o', '/dev/null', '-w', '%{http_code}', url]);
      assert.match(stdout, /^40[13]$/, url);
    }
  });

  test('down leaves nothing on the host', async () => {
    await lab.podwire(['down']);
    const left = (await machineState(lab.name)).filter((line) => !beforeUp.includes(line));
    assert.deepEqual(left, []);
    await lab.podwire(['down']);
  });
});
