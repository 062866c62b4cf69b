/** NetworkPolicies as a user meets them: who gets in, who gets out, what is told of it, and that no pod is open before it is closed. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { execa } from 'execa';
import type { Event, Node, Pod } from '../../src/api/types.gen.ts';
import { eventually, type Lab } from '../lab.ts';
import { hostPid } from '../request-loop.ts';
import { sleeper, webDeployment } from '../workloads.ts';

const OUTSIDE = 'http://203.0.113.1/';
const away = 'policy-away';

/**
 * Sends datagrams to a port that nobody listens on, at every address, again and again: a pod's kernel answers with a refusal from the
 * moment its link is up. Prints each address that did.
 */
const KNOCK = `const seen = new Set(); const sockets = process.argv[2].split(',').map((ip) => {
  const s = require('dgram').createSocket('udp4');
  s.on('error', () => { if (!seen.has(ip)) { seen.add(ip); console.log(ip); } });
  s.bind(0, () => s.connect(9, ip, () => { s.ready = true; })); return s; });
setInterval(() => { for (const s of sockets) if (s.ready) s.send('x', () => {}); }, 5);
setTimeout(() => process.exit(), Number(process.argv[1]))`;

const policy = (name: string, spec: object): object => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name },
  spec: { podSelector: {}, ...spec },
});
const guarded = { podSelector: { matchLabels: { app: 'guarded' } } };

/** The first addresses of each node's pods. */
function addressesOf(nodes: readonly Node[]): string[] {
  return nodes.flatMap(({ spec }) => {
    const base = (spec?.podCIDR ?? '').replace(/0\/24$/, '');
    return Array.from({ length: 40 }, (_, index) => `${base}${index + 2}`);
  });
}

export function networkPolicyStories(lab: Lab): void {
  describe('network policies', () => {
    let target = '';
    const inPod = (namespace: string, pod: string, url: string) =>
      lab.kubectl(['exec', '-n', namespace, pod, '--', 'timeout', '2', 'wget', '-q', '-O', '-', url], {
        mayFail: true,
      });
    const reaches = async (pod: string, url = target, namespace = 'default'): Promise<boolean> =>
      (await inPod(namespace, pod, url)).code === 0;
    const removePolicies = () => lab.kubectl(['delete', 'networkpolicy', '--all', '--wait']);

    /** Which of these addresses answered a pod that knocks while `work` goes on. */
    async function knocking(addresses: readonly string[], ms: number, work: () => Promise<void>): Promise<Set<string>> {
      const pid = await hostPid(lab, 'friend');
      const argv = ['-t', String(pid), '-n', process.execPath, '-e', KNOCK, String(ms), addresses.join()];
      const child = execa('nsenter', argv, { reject: false, stdin: 'ignore', timeout: ms + 30_000 });
      await work();
      const { stdout } = await child;
      return new Set(stdout.split('\n').filter((line) => line !== ''));
    }

    before(async () => {
      await lab.kubectl(['create', 'namespace', away]);
      await lab.apply(
        webDeployment('guarded', 1),
        sleeper('friend'),
        sleeper('stranger'),
        { ...sleeper('far'), metadata: { name: 'far', namespace: away } },
        webDeployment('churn', 0),
      );
      await lab.kubectl(['rollout', 'status', 'deployment/guarded', '--timeout=60s']);
      await lab.kubectl(['wait', '--for=condition=Ready', 'pod/friend', 'pod/stranger', '--timeout=60s']);
      await lab.kubectl(['wait', '-n', away, '--for=condition=Ready', 'pod/far', '--timeout=60s']);
      const [pod] = await lab.pods('app=guarded');
      target = `http://${pod?.status?.podIP}:8080/`;
      await eventually('the guarded pod answers', () => reaches('friend'));
    });

    after(async () => {
      await removePolicies();
      await lab.kubectl(['delete', 'deployment/guarded', 'deployment/churn', 'pod/friend', 'pod/stranger', '--wait']);
      await lab.kubectl(['delete', 'namespace', away, '--wait']);
    });

    test('a default deny closes every pod but to its own node, and the drop is told with the policy', async () => {
      await lab.apply(policy('default-deny', { policyTypes: ['Ingress'] }));
      await eventually('the guarded pod is closed', async () => !(await reaches('friend')));
      assert.equal(await reaches('far', target, away), false);
      const [pod] = await lab.pods('app=guarded');
      const { code } = await lab.onNode(pod?.spec?.nodeName ?? '', ['curl', '-s', '--max-time', '5', target], {
        mayFail: true,
      });
      assert.equal(code, 0, 'its own node reaches it');
      await eventually('an Event of the pod', async () => {
        const events = await lab.list<Event>(['events', '--field-selector', 'reason=NetworkPolicyDropped']);
        return events.some(
          ({ involvedObject, message }) =>
            involvedObject.name === pod?.metadata.name && message?.includes('default/default-deny') === true,
        );
      });
      const { stdout } = await lab.kubectl(['get', 'netpol']);
      assert.match(stdout, /NAME +POD-SELECTOR +AGE\ndefault-deny +<none> /);
    });

    test('from a namespace, and to a port by its name', async () => {
      const from = { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': away } } };
      await lab.apply(policy('from-away', { ...guarded, ingress: [{ from: [from] }] }));
      await eventually('the namespace gets in', () => reaches('far', target, away));
      assert.equal(await reaches('friend'), false);
      await lab.apply(policy('from-away', { ...guarded, ingress: [{ from: [from], ports: [{ port: 'nobody' }] }] }));
      await eventually('no pod has a port of that name', async () => !(await reaches('far', target, away)));
      await removePolicies();
      await eventually('all is open again', () => reaches('friend'));
    });

    test('an egress rule for a block opens the outside and nothing else', async () => {
      const friend = { podSelector: { matchLabels: { app: 'friend' } } };
      const block = { ipBlock: { cidr: '203.0.113.0/24', except: ['203.0.113.128/25'] } };
      await lab.apply(policy('outside-only', { ...friend, policyTypes: ['Egress'], egress: [{ to: [block] }] }));
      await eventually('the guarded pod is out of reach', async () => !(await reaches('friend')));
      assert.equal(await reaches('friend', OUTSIDE), true);
      assert.equal(await reaches('stranger'), true);
      await removePolicies();
      await eventually('all is open again', () => reaches('friend'));
    });

    test('no pod answers before its policy is in force, however many come and go', async () => {
      const addresses = addressesOf(await lab.nodes());
      const churn = async (): Promise<string[]> => {
        const ips = new Set<string>();
        for (const replicas of [8, 0, 8]) {
          await lab.kubectl(['scale', 'deployment/churn', `--replicas=${replicas}`]);
          await lab.kubectl(['rollout', 'status', 'deployment/churn', '--timeout=60s']);
          for (const { status } of await lab.pods('app=churn')) if (status?.podIP !== undefined) ips.add(status.podIP);
        }
        await lab.kubectl(['scale', 'deployment/churn', '--replicas=0']);
        await eventually('the pods are gone', async () => (await lab.pods('app=churn')).length === 0);
        return [...ips];
      };
      let ips: string[] = [];
      const heard = await knocking(addresses, 12_000, async () => void (ips = await churn()));
      assert.ok(ips.length > 0 && ips.some((ip) => heard.has(ip)), 'without policies the knocking is heard');
      await lab.apply(policy('default-deny', { policyTypes: ['Ingress'] }));
      await eventually('closed', async () => !(await reaches('friend')));
      // Pods that no policy is for, and the one that knocks, which is not kept from itself.
      const others = (await lab.list<Pod>(['pods', '-A'])).filter(
        ({ metadata }) => metadata.namespace !== 'default' || metadata.name === 'friend',
      );
      const open = new Set(others.map(({ status }) => status?.podIP ?? ''));
      const closed = await knocking(addresses, 12_000, async () => void (ips = await churn()));
      assert.ok(ips.length >= 8, `only ${ips.length} pods came and went`);
      assert.deepEqual(
        [...closed].filter((ip) => !open.has(ip)),
        [],
      );
    });
  });
}
