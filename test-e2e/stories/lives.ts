/** Containers and sandboxes that end: what comes back, and into which namespaces. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Event, Lease, Node, Pod } from '../../src/api/types.gen.ts';
import { eventually, type Lab } from '../lab.ts';
import { sleeper } from '../workloads.ts';

const NAME = 'phoenix';

async function netNamespace(lab: Lab): Promise<string> {
  return (await lab.inPod(NAME, ['readlink', '/proc/self/ns/net'])).stdout.trim();
}

async function restartedAndReady(lab: Lab, restarts: number): Promise<Pod> {
  return eventually(`${NAME} Ready again with ${restarts} restarts`, async () => {
    const pod = await lab.get<Pod>(['pod', NAME]);
    const status = pod.status?.containerStatuses?.[0];
    return status?.restartCount === restarts && status.ready ? pod : undefined;
  });
}

/** Pids on the node of processes whose network namespace is that of the pod, oldest first. */
async function processesOf(lab: Lab, node: string, namespace: string): Promise<string[]> {
  const find = `for p in /proc/[0-9]*; do [ "$(readlink $p/ns/net)" = "$0" ] && echo "$(basename $p) $(tr '\\0' ' ' < $p/cmdline)"; done; true`;
  return (await lab.onNode(node, ['bash', '-c', find, namespace])).stdout.split('\n').filter((line) => line !== '');
}

export function lifeStories(lab: Lab): void {
  describe('what ends comes back', () => {
    before(async () => {
      await lab.apply(sleeper(NAME));
      await lab.kubectl(['wait', '--for=condition=Ready', `pod/${NAME}`, '--timeout=60s']);
    });
    after(async () => {
      await lab.kubectl(['delete', 'pod', NAME, '--wait', '--ignore-not-found']);
    });

    test('a container that is killed is restarted into the same namespaces', async () => {
      const namespace = await netNamespace(lab);
      const { spec, status } = await lab.get<Pod>(['pod', NAME]);
      const [container] = (await processesOf(lab, spec?.nodeName ?? '', namespace)).filter((line) =>
        line.includes('sleep 1000000'),
      );
      await lab.onNode(spec?.nodeName ?? '', ['kill', '-9', container?.split(' ')[0] ?? '']);
      const again = await restartedAndReady(lab, 1);
      assert.equal(await netNamespace(lab), namespace);
      assert.equal(again.status?.podIP, status?.podIP);
      assert.equal(again.status?.containerStatuses?.[0]?.lastState?.terminated?.exitCode, 137);
    });

    test('a killed pause process means a new sandbox', async () => {
      const namespace = await netNamespace(lab);
      const { spec, status } = await lab.get<Pod>(['pod', NAME]);
      const node = spec?.nodeName ?? '';
      const others = (await processesOf(lab, node, namespace)).filter((line) => !line.includes('sleep 1000000'));
      assert.ok(others.length >= 1, 'no pause process found');
      for (const line of others) await lab.onNode(node, ['kill', '-9', line.split(' ')[0] ?? ''], { mayFail: true });
      // By its address: the kernel gives the number of a namespace that is gone to the next one.
      await eventually('another sandbox, Ready', async () => {
        const now = (await lab.get<Pod>(['pod', NAME])).status;
        return now?.containerStatuses?.[0]?.ready === true && now.podIP !== status?.podIP;
      });
      const pod = await lab.get<Pod>(['pod', NAME]);
      await lab.onNode(node, ['ping', '-c', '1', '-w', '5', pod.status?.podIP ?? '']);
    });

    test('the agent is killed: the containers go on, and it takes them over', async () => {
      const before = await lab.get<Pod>(['pod', NAME]);
      const node = before.spec?.nodeName ?? '';
      const namespace = await netNamespace(lab);
      const pids = await processesOf(lab, node, namespace);
      const agent = `for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline | grep -q '[m]js agent' && basename $p; done; true`;
      const [pid] = (await lab.onNode(node, ['bash', '-c', agent])).stdout.split('\n');
      assert.ok(pid, 'no agent process found');
      await lab.onNode(node, ['kill', '-9', pid]);
      await eventually(
        'exec through the new agent',
        async () => (await lab.inPod(NAME, ['true'], { mayFail: true })).code === 0,
      );
      assert.deepEqual(await processesOf(lab, node, namespace), pids);
      const after = await lab.get<Pod>(['pod', NAME]);
      assert.equal(
        after.status?.containerStatuses?.[0]?.containerID,
        before.status?.containerStatuses?.[0]?.containerID,
      );
    });

    test('the Node object is deleted: the agent registers again, and no pod notices', async () => {
      const before = await lab.get<Pod>(['pod', NAME]);
      const name = before.spec?.nodeName ?? '';
      const pids = await processesOf(lab, name, await netNamespace(lab));
      const old = await lab.get<Node>(['node', name]);
      await lab.kubectl(['delete', 'node', name]);
      const node = await eventually('another Node, Ready', async () => {
        const found = await lab.get<Node>(['node', name]);
        const ready = found.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
        return found.metadata.uid !== old.metadata.uid && ready === true ? found : undefined;
      });
      assert.equal(node.spec?.podCIDR, old.spec?.podCIDR);
      await eventually('its Lease', async () => {
        const lease = await lab.get<Lease>(['lease', name, '-n', 'kube-node-lease']);
        return lease.metadata.ownerReferences?.[0]?.uid === node.metadata.uid;
      });
      await eventually('told', async () =>
        (await lab.list<Event>(['events'])).some(
          ({ reason, involvedObject }) => reason === 'NodeRegisteredAgain' && involvedObject.uid === node.metadata.uid,
        ),
      );
      const after = await lab.get<Pod>(['pod', NAME]);
      assert.equal(after.metadata.uid, before.metadata.uid);
      assert.deepEqual(after.status?.containerStatuses, before.status?.containerStatuses);
      assert.deepEqual(await processesOf(lab, name, await netNamespace(lab)), pids);
    });
  });
}
