/** A host whose own firewall forwards nothing (Docker's is such a one): Services of pods work in every mode all the same. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CaseMode } from '../cases/packet-case.ts';
import { addressesOf, nodeNames } from '../cases/world.ts';
import { CaseLab } from './case-lab.ts';
import { kernelModes, skipReason } from './wire-modes.ts';

const [nodeA, nodeB] = [addressesOf['node-a'].ipv4, addressesOf['node-b'].ipv4];

async function run(mode: CaseMode): Promise<void> {
  const lab = await CaseLab.make(mode);
  try {
    const tool = mode === 'iptables-legacy' ? 'iptables-legacy' : 'iptables-nft';
    for (const node of nodeNames) await lab.place(node).exec.sh(`${tool} -P FORWARD DROP`);
    await lab.startProxies(mode, 'default');
    const who = async (...question: Parameters<CaseLab['ask']>): Promise<Set<string>> =>
      new Set((await lab.ask(...question)).map((one) => one.split(' ')[0] ?? ''));

    const all = new Set(['a1', 'a2', 'b1']);
    assert.deepEqual(await who('b2', 'tcp', '10.78.0.10', 80, 60), all, 'a pod');
    assert.deepEqual(await who('outside', 'tcp', '10.78.0.10', 80, 60), all, 'a host, by the cluster IP');
    assert.deepEqual(await who('outside', 'tcp', nodeA, 30_020, 60), all, 'a host, by a node port');
    assert.deepEqual(await who('outside', 'udp', nodeA, 30_022, 60), new Set(['a2', 'b1']), 'datagrams');
    assert.deepEqual(await who('outside', 'tcp', '10.78.0.235', 80, 1), new Set(['ECONNREFUSED']), 'nobody');

    // From one host to another through this one is the host's own business: iptables mode lets through what it marked; a table of
    // nftables cannot let through what another table drops, and kube-proxy's does not either.
    const byHost = mode === 'nftables' ? 'timeout' : 'node-a';
    assert.deepEqual(
      await who('outside', 'tcp', nodeB, 30_225, 2),
      new Set([byHost]),
      'answered by the other node itself',
    );
  } finally {
    await lab.end();
  }
}

for (const mode of kernelModes)
  test(`FORWARD drops all by itself, ${mode}`, { skip: skipReason(mode), timeout: 120_000 }, () => run(mode));
