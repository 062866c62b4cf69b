/** A DNS of its own on each node: asked first, and when it is gone nobody waits for it. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Pod, Service } from '../../src/api/types.gen.ts';
import { eventually, type Lab } from '../lab.ts';
import { sleeper } from '../workloads.ts';

/** Where every NodeLocal DNSCache is, and its metrics. */
const address = '169.254.20.10';
/** How long the libc of the pod waits for one server. */
const patienceSeconds = 30;
const name = 'kube-dns.kube-system.svc.cluster.local';

export function nodeLocalDnsStories(lab: Lab): void {
  describe('node-local DNS', () => {
    let node = '';
    let clusterIP = '';

    const lookUp = async (): Promise<string> =>
      (await lab.inPod('local-asker', ['nslookup', '-type=a', name], { mayFail: true })).stdout;
    /** Address queries that the node's own DNS has answered; undefined when it does not run. */
    const answered = async (): Promise<number | undefined> => {
      const argv = ['wget', '-q', '-O', '-', `http://${address}:9253/metrics`];
      const { code, stdout } = await lab.inPod('local-asker', argv, { mayFail: true });
      if (code !== 0) return undefined;
      return Number(/^coredns_dns_requests_total\{[^}]*type="A"\} (\d+)$/m.exec(stdout)?.[1] ?? 0);
    };
    const supervise = (how: '-d' | '-u') => lab.onNode(node, ['s6-svc', how, '/run/service/dns']);

    before(async () => {
      const asker = sleeper('local-asker') as Pod;
      const dnsConfig = { options: [{ name: 'timeout', value: `${patienceSeconds}` }] };
      await lab.apply({ ...asker, spec: { ...asker.spec, dnsConfig } });
      await lab.kubectl(['wait', '--for=condition=Ready', 'pod/local-asker', '--timeout=60s']);
      node = (await lab.get<Pod>(['pod', 'local-asker'])).spec?.nodeName ?? '';
      clusterIP = (await lab.get<Service>(['-n', 'kube-system', 'service', 'kube-dns'])).spec?.clusterIP ?? '';
    });
    after(async () => {
      await supervise('-u');
      await lab.kubectl(['delete', 'pod', 'local-asker', '--wait']);
    });

    test('pods ask it before the Service', async () => {
      const { stdout } = await lab.inPod('local-asker', ['cat', '/etc/resolv.conf']);
      const servers = [...stdout.matchAll(/^nameserver (\S+)$/gm)].map(([, server]) => server);
      assert.deepEqual(servers, [address, clusterIP]);
      const answers = await eventually('it runs', answered);
      assert.match(await lookUp(), new RegExp(`${address}[^]*${clusterIP}`));
      assert.ok(((await answered()) ?? 0) > answers, 'it was the one that answered');
    });

    test('when it is gone the Service is asked at once, and it again when it is back', async () => {
      await supervise('-d');
      await eventually('it is gone', async () => (await answered()) === undefined);
      const started = performance.now();
      const { stdout } = await lab.inPod('local-asker', ['wget', '-q', '-O', '-', `http://${name}:8080/metrics`]);
      assert.match(stdout, /^process_start_time_seconds /m);
      assert.ok(performance.now() - started < patienceSeconds * 1000, 'nobody waited for it');
      await supervise('-u');
      await eventually('it is back', answered);
      await eventually('it is asked', async () => (await lookUp()).includes(address));
    });
  });
}
