import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger as logger } from '../../api/logger.ts';
import type { Exec } from '../../kernel/exec.ts';
import { createFlowLimit } from './flow-limit.ts';

test('a table that is nearly full is told once, and again after there was room', async () => {
  let count = 0;
  const exec: Exec = {
    run: () => {
      const stdout = `net.netfilter.nf_conntrack_count = ${count}\nnet.netfilter.nf_conntrack_max = 1000\n`;
      return Promise.resolve({ exitCode: 0, stdout, stderr: '', durationMs: 1 });
    },
  };
  const told: string[] = [];
  const counts: number[] = [];
  const look = createFlowLimit({
    exec,
    logger,
    onCount: (now, limit) => void counts.push(now / limit),
    onNearlyFull: (message) => void told.push(message.slice(0, 60)),
  });
  for (count of [799, 800, 900, 750, 810, 699, 801]) await look();
  assert.deepEqual(counts, [0.799, 0.8, 0.9, 0.75, 0.81, 0.699, 0.801]);
  assert.deepEqual(told, [
    "the kernel's table of flows is 80 % full (800 of 1000): when",
    "the kernel's table of flows is 80 % full (801 of 1000): when",
  ]);
});
