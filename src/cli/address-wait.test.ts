import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../api/logger.ts';
import { untilAddressHere } from './address-wait.ts';

const until = (address: string, signal: AbortSignal) => untilAddressHere(address, { logger: silentLogger, signal });

test('an address of this machine is not waited for, one of nobody until the signal', async () => {
  await until('127.0.0.1', new AbortController().signal);
  const abort = new AbortController();
  let isOver = false;
  // A range for documentation: no link has it.
  const waiting = until('192.0.2.1', abort.signal).then(() => (isOver = true));
  await until('127.0.0.1', abort.signal);
  assert.equal(isOver, false);
  abort.abort();
  await waiting;
});

test('what is no address is said', async () => {
  await assert.rejects(until('300.0.0.1', new AbortController().signal));
});
