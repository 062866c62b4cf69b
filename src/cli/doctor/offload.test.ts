import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Event } from '../../api/types.gen.ts';
import type { Command, Exec } from '../../kernel/exec.ts';
import { offloadNotes } from './offload.ts';

const link = (ifname: string, more: object = {}): object => ({ ifname, mtu: 1500, flags: ['UP'], ...more });
const uplink = link('ens3', { addr_info: [{ local: '10.44.0.11', prefixlen: 24 }] });
const tunnel = link('pwvx0', { linkinfo: { info_kind: 'vxlan', info_data: { id: 78, local: '10.44.0.11' } } });

/** What each node's programs would say. */
function execOf(
  nodes: Readonly<Record<string, { readonly links: readonly object[]; readonly offload?: string }>>,
): Exec {
  const run = async ({ argv: [node, program] }: Command): Promise<never> => {
    const found = nodes[node] ?? assert.fail(node);
    const stdout = program === 'ip' ? JSON.stringify(found.links) : found.offload;
    return { exitCode: 0, stdout, stderr: '', durationMs: 0 } as never;
  };
  return { run };
}

const enter = async (node: string): Promise<readonly string[]> => {
  if (node === 'dead') throw new Error('node dead does not run');
  return [node];
};
const told: Event = {
  metadata: {},
  involvedObject: { kind: 'Node', name: 'bad' },
  reason: 'ChecksumOffloadBroken',
  message: 'checksums that link pwvx0 writes arrive wrong at node far',
};

test('which link, what the agent found, what it switched off and what to do', async () => {
  const exec = execOf({
    good: { links: [uplink, tunnel], offload: '1' },
    plain: { links: [uplink] },
    bad: { links: [uplink, tunnel], offload: '0' },
    silent: { links: [tunnel], offload: '0' },
  });
  const notes = await offloadNotes(exec, enter, ['good', 'plain', 'dead', 'bad', 'silent'], [told]);
  assert.equal(notes.length, 2);
  const [bad = '', silent = ''] = notes;
  assert.match(bad, /^node bad: checksum offload of pwvx0 is switched off/);
  assert.match(bad, /found: checksums that link pwvx0 writes arrive wrong at node far/);
  assert.match(bad, /driver .* of ens3.*\n?.*ip link delete pwvx0/);
  assert.match(silent, /^node silent: .*its Event ChecksumOffloadBroken is gone, or somebody else/);
});
