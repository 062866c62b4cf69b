import assert from 'node:assert/strict';
import { test } from 'node:test';
import { catchesSignal, identify, isAlive, parseProcessStat, signalProcess } from './processes.ts';

test('the name of a process may hold spaces and brackets', () => {
  const fields = ['S', '1', ...Array.from({ length: 17 }, () => '0'), '4711', '0'].join(' ');
  assert.deepEqual(parseProcessStat(`12 (a) Z (b) ${fields}`), { state: 'S', startTime: 4711 });
  assert.equal(parseProcessStat('12 (a) S'), undefined);
});

test('the same pid with another start time is another process', () => {
  const own = identify(process.pid);
  assert.ok(own !== undefined);
  assert.equal(isAlive(own), true);
  const other = { pid: own.pid, startTime: own.startTime - 1 };
  assert.equal(isAlive(other), false);
  assert.equal(signalProcess(other, 'SIGKILL'), false);
  assert.equal(signalProcess(own, 0), true);
});

test('a handler shows in the table of the kernel', () => {
  const own = identify(process.pid);
  assert.ok(own !== undefined);
  const handler = (): void => undefined;
  assert.equal(catchesSignal(own, 23), false);
  process.on('SIGURG', handler);
  assert.equal(catchesSignal(own, 23), true);
  process.off('SIGURG', handler);
  assert.equal(catchesSignal({ pid: 0, startTime: 0 }, 23), false);
});
