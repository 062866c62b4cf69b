import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../../api/logger.ts';
import type { Exec } from '../../kernel/exec.ts';
import { setFlowSettings } from './flow-settings.ts';

const prefix = 'net.netfilter.nf_conntrack_';

/** What is written, where these are the values before. */
async function written(before: Readonly<Record<string, number>>, refused = '', cores = 2): Promise<string[]> {
  const lines: string[] = [];
  const exec: Exec = {
    run: ({ argv }) => {
      if (argv.includes('-w')) {
        const text = argv.at(-1) ?? '';
        if (refused !== '' && text.includes(refused)) return Promise.reject(new Error('Permission denied'));
        lines.push(text.replace(prefix, ''));
      }
      const stdout = Object.entries(before).map(([name, value]) => `${prefix}${name} = ${value}\n`);
      return Promise.resolve({ exitCode: 0, stdout: stdout.join(''), stderr: '', durationMs: 1 });
    },
  };
  await setFlowSettings(exec, silentLogger, cores);
  return lines;
}

test("a kernel's own values become those of kube-proxy", async () => {
  const kernels = { tcp_timeout_close_wait: 60, tcp_timeout_established: 432_000, max: 65_536 };
  const times = ['tcp_timeout_close_wait=3600', 'tcp_timeout_established=86400'];
  assert.deepEqual(await written(kernels), [...times, 'max=131072']);
  assert.deepEqual(await written(kernels, '', 16), [...times, 'max=524288']);
  assert.deepEqual(await written(kernels, '', 256), [...times, 'max=1048576']);
  assert.deepEqual(await written(kernels, 'max'), times, 'one that is refused harms no other');
});

test('what the owner of the node has set beyond that stays, and a kernel without a table is let be', async () => {
  assert.deepEqual(await written({ tcp_timeout_close_wait: 7200, tcp_timeout_established: 3600, max: 2_000_000 }), []);
  assert.deepEqual(await written({}), []);
});
