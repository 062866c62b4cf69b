/** Host ports: one number on one node for several pods, told apart by address and protocol (as upstream's HostPort test asks). */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { ResultPromise } from 'execa';
import type { Event, Pod } from '../../src/api/types.gen.ts';
import { eventually, type Lab } from '../lab.ts';
import { hostPid, inNamespaceOf } from '../request-loop.ts';
import { sleeper } from '../workloads.ts';

const port = 54323;
/** busybox has no server of datagrams, so this one is the host's, in the pod's network namespace. */
const ECHO = `const s = require('dgram').createSocket('udp4');
s.on('message', (m, r) => s.send(process.argv[1] + '\\n', r.port, r.address)).bind(8080, () => console.log('ready'));
setTimeout(() => process.exit(), 300000)`;

function server(name: string, nodeName: string, hostIP: string | undefined, protocol: 'TCP' | 'UDP'): object {
  const serve = `mkdir -p /www && echo ${name} > /www/index.html && exec httpd -f -p 8080 -h /www`;
  const ports = [{ containerPort: 8080, hostPort: port, protocol, ...(hostIP === undefined ? {} : { hostIP }) }];
  const command = ['sh', '-c', protocol === 'TCP' ? serve : 'exec sleep 1000000'];
  return sleeper(name, { nodeName, containers: [{ name: 'main', image: 'busybox', command, ports }] });
}

export function hostPortStories(lab: Lab): void {
  describe('host ports', () => {
    let node = '';
    let ips: string[] = [];
    let echo: ResultPromise | undefined;
    const names = ['by-loopback', 'by-address', 'by-datagram'] as const;

    before(async () => {
      const [first] = await lab.nodes();
      node = first?.metadata.name ?? '';
      ips = (first?.status?.addresses ?? []).flatMap(({ type, address }) => (type === 'InternalIP' ? [address] : []));
      const [own] = ips;
      await lab.apply(
        server('by-loopback', node, '127.0.0.1', 'TCP'),
        server('by-address', node, own, 'TCP'),
        server('by-datagram', node, own, 'UDP'),
      );
      await lab.kubectl(['wait', '--for=condition=Ready', ...names.map((name) => `pod/${name}`), '--timeout=60s']);
      echo = inNamespaceOf(await hostPid(lab, 'by-datagram'), ECHO, 'by-datagram');
    });

    after(async () => {
      echo?.kill();
      await echo;
      await lab.kubectl(['delete', 'pod', ...names, 'everywhere', '--ignore-not-found']);
    });

    const curl = async (machine: string, address: string, ...more: string[]): Promise<string> => {
      const argv = ['curl', '-sS', '-g', '--max-time', '3', ...more, `http://${address}:${port}/`];
      return (await lab.onNode(machine, argv, { mayFail: true })).stdout;
    };

    const allAnswer = async (): Promise<void> => {
      const [own = ''] = ips;
      await eventually('the address', async () => (await curl('outside', own)) === 'by-address');
      assert.equal(await curl(node, own), 'by-address');
      assert.equal(await curl(node, '127.0.0.1'), 'by-loopback');
      assert.equal(await curl(node, '127.0.0.1', '--interface', own), 'by-loopback');
      const datagram = ['bash', '-c', `exec 3<>/dev/udp/${own}/${port}; echo x >&3; timeout 2 head -n 1 <&3`];
      await eventually('a datagram', async () =>
        (await lab.onNode('outside', datagram, { mayFail: true })).stdout.includes('by-datagram'),
      );
    };

    test('one number by loopback, by address and by datagram leads to three pods', allAnswer);

    test('nothing is ignored of such pods', async () => {
      const events = await lab.list<Event>(['events', '--field-selector', 'reason=FieldIgnored']);
      const ours = events.filter(({ involvedObject }) => names.some((name) => name === involvedObject.name));
      assert.deepEqual(
        ours.map(({ message }) => message),
        [],
      );
    });

    test('the same when Services are nftables', async () => {
      await lab.up(['--proxy-mode', 'nftables']);
      await allAnswer();
    });

    test('the scheduler sends a pod that wants the port everywhere to another node', async () => {
      const ports = [{ containerPort: 8080, hostPort: port }];
      const command = ['sh', '-c', 'mkdir /www; echo everywhere > /www/index.html; exec httpd -f -p 8080 -h /www'];
      await lab.apply(sleeper('everywhere', { containers: [{ name: 'main', image: 'busybox', command, ports }] }));
      await lab.kubectl(['wait', '--for=condition=Ready', 'pod/everywhere', '--timeout=60s']);
      const found = await lab.get<Pod>(['pod', 'everywhere']);
      assert.notEqual(found.spec?.nodeName, node);
      for (const { ip } of found.status?.hostIPs ?? []) {
        const address = ip.includes(':') ? `[${ip}]` : ip;
        await eventually(address, async () => (await curl('outside', address)) === 'everywhere');
      }
    });

    test('pods that go take their ports along', async () => {
      await lab.kubectl(['delete', 'pod', ...names]);
      const rules = async (): Promise<string> => (await lab.onNode(node, ['iptables-save'])).stdout;
      await eventually('no rule is left', async () => !/PW-HOST/.test(await rules()));
    });
  });
}
