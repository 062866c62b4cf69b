import assert from 'node:assert/strict';
import { test } from 'node:test';
import yargs, { type Argv } from 'yargs';
import { controlPlaneCommand } from './commands/control-plane.ts';
import { UsageError } from './errors.ts';
import { parsePeriodMs, parseSeconds } from './seconds.ts';

test('seconds as people and stock components write them', () => {
  assert.equal(parseSeconds('8s'), 8);
  assert.equal(parseSeconds('120'), 120);
  for (const wrong of ['', '1m', '-4s', '4.5s', '4000000s', 'x']) assert.throws(() => parseSeconds(wrong), UsageError);
});

test('a control plane takes a node for dead after 40 s, or what is asked for', async () => {
  const graceOf = async (...argv: string[]): Promise<unknown> => {
    const build = controlPlaneCommand.builder as (cli: Argv) => Argv;
    const parsed = await build(yargs(['--advertise-address=10.44.0.2', ...argv])).parse();
    return (parsed as Record<string, unknown>)['node-monitor-grace-period'];
  };
  assert.equal(await graceOf(), 40);
  assert.equal(await graceOf('--node-monitor-grace-period=8s'), 8);
});

test('a period is a second at least', () => {
  assert.equal(parsePeriodMs('30s'), 30_000);
  assert.equal(parsePeriodMs('0'), 1000);
  assert.throws(() => parsePeriodMs('1m'), /whole seconds/);
});
