import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import test from 'node:test';
import { RevisionCompacted, StoreConflict } from '../contract.ts';
import { StoreLocked } from './lock.ts';
import { contents, firstEvents, temporaryPlace } from './testing.ts';

const text = (value: string): Buffer => Buffer.from(value);

test('a put is seen by get and range, and a stale revision is refused with what is there', async () => {
  await using place = await temporaryPlace();
  const store = await place.open();
  const first = await store.put('/a/x', text('1'), 0);
  assert.deepEqual([first.modRevision, first.createRevision, store.revision], [1, 1, 1]);
  const second = await store.put('/a/x', text('2'), 1);
  assert.deepEqual([second.modRevision, second.createRevision], [2, 1]);
  await assert.rejects(store.put('/a/x', text('3'), 1), (error: StoreConflict) => {
    assert.equal(error.current?.modRevision, 2);
    return error instanceof StoreConflict;
  });
  await assert.rejects(store.put('/a/x', text('3'), 0), StoreConflict);
  await assert.rejects(store.delete('/a/nothing', 0), StoreConflict);
  assert.equal((await store.get('/a/x'))?.value.toString(), '2');
  assert.deepEqual(await contents(store), { '/a/x': '2' });
});

test('keys come in byte order and in pages, also as they were at an older revision', async () => {
  await using place = await temporaryPlace();
  const store = await place.open();
  for (const name of ['c', 'a', 'b', 'd']) await store.put(`/p/${name}`, text(name), 0);
  await store.put('/q/z', text('z'), 0);
  const page = await store.range('/p/', { limit: 2 });
  assert.deepEqual([page.items.map(({ key }) => key), page.more, page.revision], [['/p/a', '/p/b'], true, 5]);
  assert.equal(page.remaining, 2);
  await store.delete('/p/c', 1);
  await store.put('/p/d', text('new'), 4);
  await store.put('/p/bb', text('late'), 0);
  const rest = await store.range('/p/', { startAfter: '/p/b', revision: 5 });
  assert.deepEqual(
    rest.items.map(({ key, value, modRevision }) => [key, value.toString(), modRevision]),
    [
      ['/p/c', 'c', 1],
      ['/p/d', 'd', 4],
    ],
  );
  assert.deepEqual([rest.more, rest.remaining, rest.revision], [false, 0, 5]);
});

test('a thousand keys in random order come out sorted, and half of them removed leave the rest', async () => {
  await using place = await temporaryPlace();
  const store = await place.open();
  const names = Array.from({ length: 1500 }, (_, index) => `/k/${String((index * 7919) % 1500).padStart(4, '0')}`);
  const puts = await Promise.all(names.map((name) => store.put(name, text('v'), 0)));
  await Promise.all(
    puts.filter(({ key }) => Number(key.slice(3)) % 2 === 0).map((put) => store.delete(put.key, put.modRevision)),
  );
  const { items } = await store.range('/k/');
  const expected = Array.from({ length: 750 }, (_, index) => `/k/${String(index * 2 + 1).padStart(4, '0')}`);
  assert.deepEqual(
    items.map(({ key }) => key),
    expected,
  );
});

test('of many writers that expect the same revision one wins, also while its write is under way', async () => {
  await using place = await temporaryPlace();
  const store = await place.open();
  const results = await Promise.allSettled(
    Array.from({ length: 20 }, (_, index) => store.put('/one', text(String(index)), 0)),
  );
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', ...Array.from({ length: 19 }, () => 'rejected')],
  );
  assert.equal(store.revision, 1);
});

test('a watch gets the history after its revision, then what is new, in order and once', async () => {
  await using place = await temporaryPlace();
  const store = await place.open();
  await store.put('/w/a', text('1'), 0);
  await store.put('/other', text('1'), 0);
  await store.put('/w/a', text('2'), 1);
  const events = firstEvents(store, '/w/', 1, 4);
  await Promise.all([store.put('/w/b', text('1'), 0), store.put('/w/c', text('1'), 0)]);
  await store.delete('/w/a', 3);
  assert.deepEqual(await events, ['put /w/a@3', 'put /w/b@4', 'put /w/c@5', 'delete /w/a@6']);
});

test('an event carries the value before; a deletion carries the last value', async () => {
  await using place = await temporaryPlace();
  const store = await place.open();
  await store.put('/v', text('old'), 0);
  await store.put('/v', text('new'), 1);
  await store.delete('/v', 2);
  const seen: unknown[] = [];
  await new Promise<void>((resolve) => {
    store.watch('/v', 1, (events) => {
      for (const { value, previous } of events) seen.push([value.toString(), previous?.toString()]);
      resolve();
    });
  });
  assert.deepEqual(seen, [
    ['new', 'old'],
    ['new', 'new'],
  ]);
});

test('what the history no longer holds is refused', async () => {
  await using place = await temporaryPlace();
  const store = await place.open({ history: { events: 3, ageMs: 60_000, bytes: 1e6 } });
  for (let revision = 0; revision < 5; revision++) await store.put('/h', text(String(revision)), revision);
  assert.throws(() => store.watch('/', 1, () => undefined), RevisionCompacted);
  await assert.rejects(store.range('/', { revision: 1 }), RevisionCompacted);
  assert.deepEqual(await firstEvents(store, '/', 2, 3), ['put /h@3', 'put /h@4', 'put /h@5']);
});

test('an ended watch hears nothing more, and a handler that throws does not stop the others', async () => {
  await using place = await temporaryPlace();
  const store = await place.open();
  let heard = 0;
  store.watch('/', 0, () => heard++)();
  store.watch('/', 0, () => {
    throw new Error('broken handler');
  });
  const events = firstEvents(store, '/', 0, 1);
  await store.put('/x', text('1'), 0);
  assert.deepEqual(await events, ['put /x@1']);
  assert.equal(heard, 0);
});

test('a store that is open cannot be opened again; files are 0600', async () => {
  await using place = await temporaryPlace();
  const store = await place.open();
  await assert.rejects(place.open(), StoreLocked);
  for (const file of [place.path, `${place.path}.lock`]) assert.equal((await stat(file)).mode & 0o777, 0o600);
  await store.close();
  await place.open();
});

test('who indexes the latest state hears of a change before its writer, and one that fails stops nobody', async () => {
  await using place = await temporaryPlace();
  const store = await place.open();
  const order: string[] = [];
  store.latest.onChange('/a/', () => {
    throw new Error('broken index');
  });
  const end = store.latest.onChange('/a/', ({ type, key }) => {
    order.push(`${type} ${key} ${store.latest.get(key)?.value.toString()}`);
  });
  const { modRevision } = await store.put('/a/1', text('x'), 0);
  order.push('written');
  await store.put('/b/1', text('y'), 0);
  await store.delete('/a/1', modRevision);
  end();
  await store.put('/a/2', text('z'), 0);
  assert.deepEqual(order, ['put /a/1 x', 'written', 'delete /a/1 undefined']);
});
