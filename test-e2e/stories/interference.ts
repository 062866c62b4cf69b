/** Agents that die, and hands that break what they made: requests go on, and what was broken is put back. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Event, Pod, Service } from '../../src/api/types.gen.ts';
import { KernelWatch, kernelState } from '../kernel-watch.ts';
import { eventually, type Lab } from '../lab.ts';
import { RequestLoop } from '../request-loop.ts';
import { abruptWebDeployment, service, sleeper } from '../workloads.ts';

const NAME = 'steady';
const ASKERS = { 'steady-1': 'node1', 'steady-2': 'node2' };
/** The kernel is read again every 30 s; the rest is for a slow machine. */
const PROMISE_MS = 45_000;

export function interferenceStories(lab: Lab): void {
  describe('a node whose agent dies or whose kernel somebody changes', () => {
    let clusterIP = '';

    const ask = async (pod: string): Promise<boolean> => {
      const argv = ['timeout', '2', 'wget', '-q', '-O', '-', `http://${clusterIP}/`];
      return (await lab.inPod(pod, argv, { mayFail: true })).code === 0;
    };
    const eventTold = async (node: string, reason: string, text: string): Promise<Event | undefined> => {
      const events = await lab.list<Event>(['events', '--field-selector', `involvedObject.name=${node}`]);
      return events.find((event) => event.reason === reason && event.message?.includes(text) === true);
    };

    before(async () => {
      await lab.apply(abruptWebDeployment(NAME, 4), service(NAME, NAME));
      for (const [name, nodeName] of Object.entries(ASKERS)) await lab.apply(sleeper(name, { nodeName }));
      await lab.kubectl(['rollout', 'status', `deployment/${NAME}`, '--timeout=60s']);
      await lab.kubectl(['wait', '--for=condition=Ready', 'pod/steady-1', 'pod/steady-2', '--timeout=60s']);
      clusterIP = (await lab.get<Service>(['service', NAME])).spec?.clusterIP ?? '';
      for (const pod of Object.keys(ASKERS)) await eventually('an answer', () => ask(pod));
    });

    after(async () => {
      const objects = [`deployment/${NAME}`, `service/${NAME}`, 'pod/steady-1', 'pod/steady-2'];
      await lab.kubectl(['delete', ...objects, '--wait', '--ignore-not-found']);
    });

    test('kill -9 of an agent: no request fails, and the next agent changes nothing in the kernel', async () => {
      const node = 'node1';
      const served = await timesServed(lab, node);
      const watch = await KernelWatch.start(lab, node);
      const before = await kernelState(lab, node);
      const loop = await RequestLoop.start(lab, Object.keys(ASKERS), clusterIP);
      await sleep(300);
      await killAgent(lab, node);
      await eventually('the next agent serves', async () => (await timesServed(lab, node)) > served);
      const exec = ['exec', 'steady-1', '--', 'true'];
      await eventually('its kubelet too', async () => (await lab.kubectl(exec, { mayFail: true })).code === 0);
      await sleep(1_000);
      await loop.endWithoutFailure();
      assert.deepEqual(await watch.end(), []);
      assert.deepEqual(await kernelState(lab, node), before);
    });

    describe('by hand', () => {
      let rulesBefore: string[] = [];
      let victim: Pod;

      before(async () => {
        rulesBefore = await natRules(lab, 'node1');
        victim = await lab.get<Pod>(['pod', 'steady-2']);
        await lab.onNode('node1', ['iptables', '-t', 'nat', '-F']);
        await lab.onNode('node2', ['ip', 'link', 'delete', await linkOf(lab, 'node2', victim)]);
      });

      test('a table is flushed: it is put back as it was, and Events tell', async () => {
        await eventually('an answer', () => ask('steady-1'), PROMISE_MS);
        await eventually('Service rules told', () => eventTold('node1', 'ServiceRulesRepaired', 'nat'));
        await eventually('the network told', () => eventTold('node1', 'PodNetworkRepaired', 'PW-NET-MASQ'), PROMISE_MS);
        assert.deepEqual(await natRules(lab, 'node1'), rulesBefore);
      });

      test('a link of a pod is deleted: it is there again with the same address, and an Event tells', async () => {
        await eventually('an answer', () => ask('steady-2'), PROMISE_MS);
        await eventually('told', () => eventTold('node2', 'PodNetworkRepaired', 'default/steady-2'));
        const now = await lab.get<Pod>(['pod', 'steady-2']);
        assert.equal(now.status?.podIP, victim.status?.podIP);
        assert.equal(
          now.status?.containerStatuses?.[0]?.containerID,
          victim.status?.containerStatuses?.[0]?.containerID,
        );
      });
    });
  });
}

/** By chain: the order of chains says nothing, nor does that of the jumps in a chain of the kernel's, which anybody may add to. */
async function natRules(lab: Lab, node: string): Promise<string[]> {
  const { stdout } = await lab.onNode(node, ['iptables-save', '-t', 'nat']);
  const lines = stdout.split('\n').filter((line) => /^[:-]/.test(line));
  const keyOf = (line: string): string => {
    const chain = line.startsWith('-A') ? (line.split(' ')[1] ?? '') : '';
    return chain.startsWith('PW-') ? chain : line;
  };
  // A sort is stable: rules of our own chains stay in order.
  return lines.map((line) => line.replace(/ \[\d+:\d+\]/, '')).sort((a, b) => keyOf(a).localeCompare(keyOf(b)));
}

async function linkOf(lab: Lab, node: string, pod: Pod): Promise<string> {
  const { stdout } = await lab.onNode(node, ['ip', '-j', 'link']);
  const links = JSON.parse(stdout) as { ifname: string; ifalias?: string }[];
  const link = links.find(({ ifalias }) => ifalias?.includes(`:${pod.metadata.uid}`));
  return link?.ifname ?? assert.fail(`no link of ${pod.metadata.name}`);
}

async function killAgent(lab: Lab, node: string): Promise<void> {
  const agent = `for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline | grep -q '[m]js agent' && kill -9 $(basename $p) && exit; done; exit 1`;
  await lab.onNode(node, ['bash', '-c', agent]);
}

/** How often an agent of this node has said that its rules stand. */
async function timesServed(lab: Lab, node: string): Promise<number> {
  const { stdout } = await lab.nodeLogs(node);
  return stdout.split('\n').filter((line) => line.includes('Services are served')).length;
}
