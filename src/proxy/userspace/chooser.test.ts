import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Chooser } from './chooser.ts';

const targets = ['a', 'b', 'c'].map((ip) => ({ ip, port: 1 }));
const ips = (chooser: Chooser, client = 'x', now = 0): string =>
  chooser
    .order(client, now)
    .map(({ ip }) => ip)
    .join('');

test('one after the other, and each as the next to try when the first does not answer', () => {
  const chooser = new Chooser();
  assert.equal(ips(chooser), '');
  chooser.set(targets, undefined);
  assert.deepEqual(
    [1, 2, 3, 4].map(() => ips(chooser)),
    ['abc', 'bca', 'cab', 'abc'],
  );
  chooser.set(targets.slice(0, 1), undefined);
  assert.deepEqual(
    [1, 2].map(() => ips(chooser)),
    ['a', 'a'],
  );
});

test('a client stays with its target until it was away for too long, or the target goes', () => {
  const chooser = new Chooser();
  chooser.set(targets, 10);
  chooser.keep('x', { ip: 'b', port: 1 }, 0);
  assert.equal(ips(chooser, 'x', 9_999), 'bac');
  assert.equal(ips(chooser, 'y', 9_999), 'abc', 'others have their turn');
  assert.equal(ips(chooser, 'x', 10_000), 'bca', 'too long');
  chooser.keep('x', { ip: 'b', port: 1 }, 20_000);
  chooser.set(
    [
      { ip: 'a', port: 1 },
      { ip: 'c', port: 1 },
    ],
    10,
  );
  assert.doesNotMatch(ips(chooser, 'x', 20_001), /b/);
});

test('a connection that was under way when its target went binds nobody to it', () => {
  const chooser = new Chooser();
  const [gone, stays] = [
    { ip: '10.45.1.2', port: 80 },
    { ip: '10.45.1.3', port: 80 },
  ];
  chooser.set([gone], 60);
  chooser.set([stays], 60);
  chooser.keep('10.45.2.2', gone, 0);
  assert.deepEqual(chooser.order('10.45.2.2', 1), [stays]);
});
