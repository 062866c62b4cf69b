/** UDP through a Service: the servers are small programs in the pods' own network namespaces. */
import type { ResultPromise } from 'execa';
import { after, before, describe, test } from 'node:test';
import type { Pod, Service } from '../../src/api/types.gen.ts';
import { eventually, type Lab } from '../lab.ts';
import { hostPid, inNamespaceOf } from '../request-loop.ts';
import { service, sleeper } from '../workloads.ts';

const ECHO = `const s = require('dgram').createSocket('udp4');
s.on('message', (m, r) => s.send(process.argv[1] + ' ' + r.address, r.port, r.address)).bind(5353, () => console.log('ready'));
setTimeout(() => process.exit(), 60000)`;
const ASK = `const s = require('dgram').createSocket('udp4'); let left = 40;
s.on('message', (m) => { console.log(String(m)); });
const t = setInterval(() => { const c = require('dgram').createSocket('udp4'); c.on('message', (m) => { console.log(String(m)); c.close(); }).send('x', 53, process.argv[1]);
if (--left === 0) { clearInterval(t); setTimeout(() => process.exit(), 500); } }, 5)`;

export function udpStories(lab: Lab): void {
  describe('UDP through a Service', () => {
    const servers: ResultPromise[] = [];
    before(async () => {
      const spread = { ports: [{ name: 'dns', protocol: 'UDP', port: 53, targetPort: 5353 }] };
      const labelled = (name: string): object => ({ ...sleeper(name), metadata: { name, labels: { app: 'echo' } } });
      await lab.apply(labelled('echo-a'), labelled('echo-b'), sleeper('asker'), service('echo', 'echo', spread));
      await lab.kubectl(['wait', '--for=condition=Ready', 'pod/echo-a', 'pod/echo-b', 'pod/asker', '--timeout=60s']);
      for (const name of ['echo-a', 'echo-b']) servers.push(inNamespaceOf(await hostPid(lab, name), ECHO, name));
    });
    after(async () => {
      for (const server of servers) server.kill();
      await Promise.all(servers);
      await lab.kubectl(['delete', 'pod/echo-a', 'pod/echo-b', 'pod/asker', 'service/echo', '--wait']);
    });

    test('datagrams reach both pods, which see the address of the asking pod', async () => {
      const clusterIP = (await lab.get<Service>(['service', 'echo'])).spec?.clusterIP ?? '';
      const asker = (await lab.get<Pod>(['pod', 'asker'])).status?.podIP;
      const pid = await hostPid(lab, 'asker');
      await eventually('answers from both', async () => {
        const answers = String((await inNamespaceOf(pid, ASK, clusterIP)).stdout)
          .trim()
          .split('\n');
        return answers.includes(`echo-a ${asker}`) && answers.includes(`echo-b ${asker}`);
      });
    });
  });
}
