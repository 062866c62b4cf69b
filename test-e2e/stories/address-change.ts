/** A node across gets another address while pods of others talk to its pods. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Node, Pod } from '../../src/api/types.gen.ts';
import { eventually, type Lab } from '../lab.ts';

const internalIP = ({ status }: Node): string =>
  status?.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? assert.fail('no InternalIP');

/** `client-node1` asks `web-NODE`, which go on running. */
export function addressChangeStories(lab: Lab, node: string): void {
  describe('a node that changes its address', () => {
    test('is found under the new one by all others', async () => {
      const old = internalIP(await lab.get<Node>(['node', node]));
      const next = old.replace(/\d+$/, (last) => String(Number(last) + 50));
      // As a DHCP server's other answer: the link has the new address, the agent starts with it, the old one goes.
      const change = [
        'echo 1 > /proc/sys/net/ipv4/conf/eth0/promote_secondaries',
        `ip address add ${next}/25 dev eth0`,
        `sed -i 's/--node-ip=${old}/--node-ip=${next}/' /run/service/agent/run`,
        's6-svc -r /run/service/agent',
      ];
      await lab.onNode(node, ['sh', '-euc', change.join('\n')]);
      await eventually('the Node says so', async () => internalIP(await lab.get<Node>(['node', node])) === next);
      await lab.onNode(node, ['ip', 'address', 'del', `${old}/25`, 'dev', 'eth0']);
      const address = (await lab.get<Pod>(['pod', `web-${node}`])).status?.podIP;
      await eventually('its pod answers', async () => {
        const url = `http://${address}:8080/`;
        const { code, stdout } = await lab.inPod('client-node1', ['timeout', '2', 'wget', '-q', '-O', '-', url], {
          mayFail: true,
        });
        return code === 0 && stdout.trim() === `web-${node}`;
      });
      const entries = (await lab.onNode('node1', ['bridge', 'fdb', 'show', 'dev', 'pwvx0'])).stdout;
      assert.match(entries, new RegExp(`dst ${next.replaceAll('.', '\\.')} `));
      assert.doesNotMatch(entries, new RegExp(`dst ${old.replaceAll('.', '\\.')} `));
    });
  });
}
