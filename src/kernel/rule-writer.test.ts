import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Command, Exec } from './exec.ts';
import { ipv4 } from './family.ts';
import type { DesiredRules } from './plan-iptables.ts';
import { createRuleWriter } from './rule-writer.ts';

const rules = (rule: string): DesiredRules => ({
  chains: new Map([['nat', new Map([['PW-A', { about: 'a test', rules: [rule] }]])]]),
  hooks: [],
});

/** A kernel with one chain: it holds the last rule that was restored. */
function oneChain(): { exec: Exec; restored: string[]; flush: () => void; loseAnswer: () => void } {
  let rule = '';
  let isLost = false;
  const restored: string[] = [];
  const run = async ({ argv, stdin = '' }: Command) => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    let stdout = '';
    if (argv.includes('--version')) stdout = 'iptables-restore v1.8.9 (nf_tables)';
    else if (argv[0] === 'iptables-save' && isLost) isLost = false;
    else if (argv[0] === 'iptables-save')
      stdout = `*nat\n:PW-A - [0:0]\n${rule === '' ? '' : `-A PW-A ${rule}\n`}COMMIT\n`;
    else {
      rule = /^-A PW-A (.*)$/m.exec(stdin)?.[1] ?? '';
      restored.push(rule);
    }
    return { exitCode: 0, stdout, stderr: '', durationMs: 5 };
  };
  return { exec: { run }, restored, flush: () => (rule = ''), loseAnswer: () => (isLost = true) };
}

test('an audit that waits for a sync audits what that one wrote, not what stood before', async () => {
  const { exec, restored, flush } = oneChain();
  const writer = createRuleWriter({ exec, family: ipv4, owns: (chain) => chain.startsWith('PW-') });
  assert.deepEqual(await writer.audit(), []);
  await writer.sync(rules('-j RETURN'));
  const [, changes] = await Promise.all([writer.sync(rules('-j ACCEPT')), writer.audit()]);
  assert.deepEqual(changes, []);
  assert.deepEqual(restored, ['-j RETURN', '-j ACCEPT']);
  flush();
  assert.equal((await writer.audit()).length, 1);
  assert.deepEqual(restored, ['-j RETURN', '-j ACCEPT', '-j ACCEPT']);
});

test('a listing that lacks all that was written is not believed at once', async () => {
  const { exec, restored, loseAnswer } = oneChain();
  const writer = createRuleWriter({ exec, family: ipv4, owns: (chain) => chain.startsWith('PW-') });
  await writer.sync(rules('-j RETURN'));
  loseAnswer();
  assert.deepEqual(await writer.audit(), []);
  assert.deepEqual(restored, ['-j RETURN']);
});
