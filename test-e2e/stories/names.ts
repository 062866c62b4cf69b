/** Cluster DNS, asked by pods as any program asks: by the libc's resolver and by nslookup. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Deployment, Pod, Service } from '../../src/api/types.gen.ts';
import { eventually, type Lab } from '../lab.ts';
import { service, sleeper, webDeployment } from '../workloads.ts';

const zone = 'cluster.local';

export function nameStories(lab: Lab): void {
  describe('names', () => {
    const lookUp = async (name: string, type = 'a'): Promise<string> => {
      const argv = ['nslookup', `-type=${type}`, name];
      const { stdout, stderr } = await lab.inPod('asker', argv, { mayFail: true });
      // What comes before the first empty line tells whom it asked.
      return `${stdout.slice(stdout.indexOf('\n\n')).trim()}\n${stderr}`;
    };
    before(async () => {
      const named = { ...sleeper('named'), metadata: { name: 'named', labels: { app: 'names' } } };
      const asker = sleeper('asker');
      const spec = (named as unknown as Pod).spec;
      await lab.apply(
        { ...named, spec: { ...spec, hostname: 'first', subdomain: 'headless' } },
        asker,
        webDeployment('web-names', 2),
        service('web-names', 'web-names'),
        {
          apiVersion: 'v1',
          kind: 'Service',
          metadata: { name: 'headless' },
          spec: {
            clusterIP: 'None',
            selector: { app: 'names' },
            ports: [{ name: 'http', port: 80, targetPort: 8080 }],
          },
        },
        {
          apiVersion: 'v1',
          kind: 'Service',
          metadata: { name: 'elsewhere' },
          spec: { type: 'ExternalName', externalName: `web-names.default.svc.${zone}` },
        },
      );
      await lab.kubectl(['wait', '--for=condition=Ready', 'pod/named', 'pod/asker', '--timeout=60s']);
      await lab.kubectl(['rollout', 'status', 'deployment/web-names', '--timeout=60s']);
    });
    after(async () => {
      const names = ['pod/named', 'pod/asker', 'deployment/web-names', 'service/web-names', 'service/headless'];
      await lab.kubectl(['delete', ...names, 'service/elsewhere', '--wait']);
    });

    test('a Service by its short name, its namespace, and in full', async () => {
      for (const name of ['web-names', 'web-names.default', 'web-names.default.svc', `web-names.default.svc.${zone}`])
        await eventually(name, async () =>
          (await lab.inPod('asker', ['wget', '-q', '-O', '-', `http://${name}/`], { mayFail: true })).stdout.startsWith(
            'web-names-',
          ),
        );
    });

    test('its records: address, SRV, the name of the address', async () => {
      const clusterIP = (await lab.get<Service>(['service', 'web-names'])).spec?.clusterIP ?? '';
      const full = `web-names.default.svc.${zone}`;
      assert.match(await lookUp(full), new RegExp(`Address: ${clusterIP}\n`));
      const kubernetes = `_https._tcp.kubernetes.default.svc.${zone}`;
      assert.match(await lookUp(kubernetes, 'srv'), new RegExp(`service = 0 100 443 kubernetes.default.svc.${zone}`));
      const reverse = `${clusterIP.split('.').reverse().join('.')}.in-addr.arpa`;
      assert.match(await lookUp(reverse, 'ptr'), new RegExp(`name = ${full}`));
    });

    test('a headless Service has the addresses of its pods, and a pod with a hostname its own name', async () => {
      const ip = (await lab.get<Pod>(['pod', 'named'])).status?.podIP ?? '';
      await eventually('the pod', async () =>
        (await lookUp(`headless.default.svc.${zone}`)).includes(`Address: ${ip}\n`),
      );
      assert.match(await lookUp(`first.headless.default.svc.${zone}`), new RegExp(`Address: ${ip}\n`));
      assert.match(await lookUp(`${ip.replaceAll('.', '-')}.default.pod.${zone}`), new RegExp(`Address: ${ip}\n`));
      const { stdout } = await lab.inPod('named', ['hostname', '-f']);
      assert.equal(stdout.trim(), `first.headless.default.svc.${zone}`);
    });

    test('an ExternalName leads on; what is not there is not there', async () => {
      assert.match(await lookUp(`elsewhere.default.svc.${zone}`), new RegExp(`web-names.default.svc.${zone}`));
      assert.match(await lookUp(`nobody.default.svc.${zone}`), /NXDOMAIN/);
    });

    test('while the API server is away, what is known is answered, and nothing is said not to be there', async () => {
      const server = (await lab.get<Service>(['service', '-n', 'kube-system', 'kube-dns'])).spec?.clusterIP ?? '';
      const fromNode = async (name: string): Promise<string> => {
        const argv = ['busybox', 'nslookup', '-type=a', `${name}.default.svc.${zone}`, server];
        return (await lab.onNode('node1', argv, { mayFail: true })).stdout;
      };
      await lab.machine('stop', 'control-plane');
      try {
        assert.match(await fromNode('web-names'), /Name:.*\nAddress: /);
        await eventually('an unknown name is a failure', async () => /SERVFAIL/.test(await fromNode('nobody')));
      } finally {
        await lab.machine('start', 'control-plane');
      }
      await eventually('heard again', async () => /NXDOMAIN/.test(await fromNode('nobody')), 60_000);
    });

    test('replicas stand on different nodes, and one that is killed is not missed', async () => {
      const replicas = await eventually('two of them', async () => {
        const found = await lab.list<Pod>(['pods', '-n', 'kube-system', '-l', 'k8s-app=kube-dns']);
        return found.length === 2 ? found : undefined;
      });
      assert.equal(new Set(replicas.map(({ spec }) => spec?.nodeName)).size, 2);
      await lab.kubectl(['rollout', 'status', '-n', 'kube-system', 'deployment/podwire-dns', '--timeout=60s']);
      await lab.kubectl(['delete', 'pod', '-n', 'kube-system', replicas[0]?.metadata.name ?? '', '--wait=false']);
      for (let turn = 0; turn < 20; turn += 1) assert.match(await lookUp(`web-names.default.svc.${zone}`), /Address: /);
      await eventually('both again', async () => {
        const { status } = await lab.get<Deployment>(['deployment', '-n', 'kube-system', 'podwire-dns']);
        return status?.readyReplicas === 2;
      });
    });
  });
}
