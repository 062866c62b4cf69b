/** A lab's nodes change how Services get into their kernels while they are used: requests go on, and so does a connection that is open. */
import { execa } from 'execa';
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pod, Service } from '../../src/api/types.gen.ts';
import { eventually, type Lab } from '../lab.ts';
import { hostPid, RequestLoop } from '../request-loop.ts';
import { service, sleeper, webDeployment } from '../workloads.ts';

const NAME = 'modes';
const ECHO_PORT = 7000;

/** Sends a number ten times a second and wants it back within 5 s; one line at its end: how many came back, or what went wrong. */
const TALK = `const [, host, port] = process.argv; let sent = 0, back = 0, over = false;
const s = require('net').connect({ host, port: Number(port), noDelay: true });
const end = (text) => { console.log(text); process.exit(); };
s.on('connect', () => { console.log('talking'); setInterval(() => { if (over) { if (back === sent) end('ok ' + back); return; } if (sent - back > 50) end('no answer for 5 s after ' + back); s.write(++sent + '\\n'); }, 100); });
let rest = ''; s.on('data', (d) => { const lines = (rest + d).split('\\n'); rest = lines.pop(); for (const line of lines) if (Number(line) !== ++back) end('wrong echo ' + line); });
s.on('error', (e) => end(e.code)); s.on('close', () => end('closed after ' + back));
process.stdin.on('end', () => { over = true; }).resume();`;

export function proxyModeStories(lab: Lab): void {
  describe('the proxy mode of running nodes', () => {
    let clusterIP = '';
    let echoIP = '';

    before(async () => {
      const echo = sleeper('modes-echo', {
        nodeName: 'node2',
        containers: [{ name: 'main', image: 'busybox', command: ['nc', '-ll', '-p', String(ECHO_PORT), '-e', 'cat'] }],
      });
      const asker = sleeper('modes-asker', { nodeName: 'node1' });
      const echoService = service('modes-echo', 'modes-echo', { ports: [{ port: ECHO_PORT, targetPort: ECHO_PORT }] });
      await lab.apply(webDeployment(NAME, 3), service(NAME, NAME), echo, asker, echoService);
      await lab.kubectl(['rollout', 'status', `deployment/${NAME}`, '--timeout=60s']);
      await lab.kubectl(['wait', '--for=condition=Ready', 'pod/modes-echo', 'pod/modes-asker', '--timeout=60s']);
      const ipOf = async (name: string): Promise<string> =>
        (await lab.get<Service>(['service', name])).spec?.clusterIP ?? '';
      [clusterIP, echoIP] = [await ipOf(NAME), await ipOf('modes-echo')];
    });

    after(async () => {
      const objects = [
        `deployment/${NAME}`,
        `service/${NAME}`,
        'service/modes-echo',
        'pod/modes-echo',
        'pod/modes-asker',
      ];
      await lab.kubectl(['delete', ...objects, '--wait', '--ignore-not-found']);
    });

    /** The mode that a node's agent says it is in. */
    const modeOf = async (node: string): Promise<string> =>
      (await lab.onNode(node, ['curl', '-s', 'http://127.0.0.1:10249/proxyMode'], { mayFail: true })).stdout;

    /** Who ends an agent by its control group, as its supervisor does, does not end what the relay carries. */
    const relaysStandAside = async (): Promise<void> => {
      for (const node of ['node1', 'node2', 'node3']) {
        const groups = await lab.onNode(node, ['sh', '-c', 'cat /proc/$(cat /run/podwire/relay-*.pid)/cgroup']);
        assert.doesNotMatch(groups.stdout, /\/system\/agent/, node);
      }
    };

    test('iptables to nftables to userspace and back: no request fails, no connection is cut', async () => {
      const pods = async (): Promise<string[]> =>
        (await lab.list<Pod>(['pods']))
          .filter(({ metadata }) => metadata.name?.startsWith(NAME))
          .map(({ metadata, status }) => `${metadata.uid} ${status?.containerStatuses?.[0]?.restartCount}`);
      const before = await pods();
      const pid = await hostPid(lab, 'modes-asker');
      await eventually('the echo answers', async () => {
        const argv = ['sh', '-c', `echo hello | nc -w 2 ${echoIP} ${ECHO_PORT}`];
        return (await lab.inPod('modes-asker', argv, { mayFail: true })).stdout.includes('hello');
      });
      const talk = execa(
        'nsenter',
        ['-t', String(pid), '-n', process.execPath, '-e', TALK, echoIP, String(ECHO_PORT)],
        {
          reject: false,
          stdin: 'pipe',
          timeout: 300_000,
        },
      );
      const loop = await RequestLoop.start(lab, ['modes-asker'], clusterIP);
      for (const mode of ['nftables', 'userspace', 'iptables']) {
        await lab.up([`--proxy-mode=${mode}`]);
        for (const node of ['node1', 'node2', 'node3'])
          await eventually(`${node} in mode ${mode}`, async () => (await modeOf(node)) === mode, 60_000);
        await sleep(500);
        if (mode === 'userspace') await relaysStandAside();
      }
      const seen = await loop.end();
      talk.stdin.end();
      const said = String((await talk).stdout)
        .trim()
        .split('\n');
      assert.deepEqual(
        seen.map(({ failures }) => failures),
        [{}],
      );
      assert.match(said.at(-1) ?? '', /^ok \d{2,}$/);
      assert.deepEqual(await pods(), before, 'no pod was touched');
    });

    test('what a mode leaves is gone: one table of rules, one way, no relay', async () => {
      const { stdout } = await lab.onNode('node1', ['nft', 'list', 'tables']);
      assert.doesNotMatch(stdout, /podwire-services/);
      const rules = (await lab.onNode('node1', ['iptables-save', '-t', 'nat'])).stdout;
      assert.match(rules, /PW-SERVICES/);
      assert.doesNotMatch(rules, /169\.254\.80\.87/);
      for (const node of ['node1', 'node2', 'node3'])
        await eventually(`the relay’s address leaves ${node}`, async () => {
          const { stdout } = await lab.onNode(node, ['ip', 'address', 'show', 'dev', 'lo']);
          return !stdout.includes('169.254.80.87');
        });
    });
  });
}
