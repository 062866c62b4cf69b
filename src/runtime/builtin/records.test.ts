import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ContainerConfig } from '../contract.ts';
import { parseReport } from './conmon.ts';
import { execProcess, startFailure } from './exec-in-container.ts';
import { readExitFile } from './exit-watch.ts';
import { Journal } from './journal.ts';
import { KeyedMutex } from './mutex.ts';
import { containerStatusOf, ended, endOf, failedStart, lostEnd, type ContainerRecord } from './records.ts';
import { signalNumber } from './signals.ts';
import { resolveUser } from './user.ts';

const record: ContainerRecord = {
  id: 'a'.repeat(64),
  sandboxId: 'b'.repeat(64),
  config: { name: 'web', attempt: 2, imageId: 'sha256:1', logPath: '/log' } as ContainerConfig,
  state: 'running',
  createdAt: '2026-01-01T00:00:00.000Z',
  image: 'docker.io/library/busybox:latest',
  stopSignal: 'SIGQUIT',
  process: { pid: 7, startTime: 1 },
  startedAt: '2026-01-01T00:00:01.000Z',
};
const at = new Date('2026-01-01T00:00:02.000Z');

test('ends: by code, out of memory, never started, unseen', () => {
  const rows = [endOf(0, at, false), endOf(3, at, false), endOf(137, at, true), failedStart('no', at), lostEnd(at)];
  assert.deepEqual(
    rows.map(({ exitCode, reason }) => `${exitCode} ${reason}`),
    ['0 Completed', '3 Error', '137 OOMKilled', '128 StartError', '255 Unknown'],
  );
});

test('a pid is told only while it runs; what is being started counts as created', () => {
  assert.equal(containerStatusOf(record).pid, 7);
  const over = containerStatusOf(ended(record, endOf(3, at, false)));
  assert.deepEqual(
    [over.state, over.pid, over.exitCode, over.finishedAt, over.attempt],
    ['exited', undefined, 3, '2026-01-01T00:00:02.000Z', 2],
  );
  assert.equal(containerStatusOf({ ...record, state: 'starting' }).state, 'created');
});

test('the journal gives back what was put, and drops files cut short', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'podwire-journal-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const first = new Journal<ContainerRecord>(folder);
  first.load();
  first.put(record);
  first.put({ ...record, id: 'c', state: 'created' });
  first.remove('c');
  first.put({ ...record, id: 'f', state: 'created' });
  const [older = ''] = readdirSync(folder).filter((name) => name.startsWith('f'));
  const text = readFileSync(join(folder, older));
  first.put({ ...record, id: 'f', state: 'running' });
  assert.equal(readdirSync(folder).length, 2, 'one file a record');
  writeFileSync(join(folder, older), text); // killed before the older version was removed
  writeFileSync(join(folder, 'f.3.json'), '{"id":'); // and the machine ended while a newer one was written
  writeFileSync(join(folder, 'g.json'), JSON.stringify({ ...record, id: 'g' }));
  writeFileSync(join(folder, 'd.json'), '{"id":');
  writeFileSync(join(folder, 'e.json.new'), '{}');
  const second = new Journal<ContainerRecord>(folder);
  second.load();
  assert.deepEqual(
    second.all().toSorted((a, b) => a.id.localeCompare(b.id)),
    [record, { ...record, id: 'f' }, { ...record, id: 'g' }].toSorted((a, b) => a.id.localeCompare(b.id)),
  );
  assert.deepEqual(readdirSync(folder).sort(), [`${record.id}.1.json`, 'f.2.json', 'g.json'].sort());
  second.put({ ...record, id: 'g', state: 'exited' });
  assert.ok(!readdirSync(folder).includes('g.json'), 'a new version takes the place of the old one');
});

test('an exit file is a number', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'podwire-exits-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'x'), '137');
  writeFileSync(join(folder, 'y'), 'what');
  assert.equal(readExitFile(join(folder, 'x'), 'x')?.exitCode, 137);
  assert.equal(readExitFile(join(folder, 'y'), 'y'), undefined);
  assert.equal(readExitFile(join(folder, 'z'), 'z'), undefined);
});

test('conmon’s report: a process or a reason', () => {
  assert.deepEqual(parseReport('{"pid": 42}\n'), { pid: 42 });
  assert.deepEqual(parseReport('{"pid": -1, "message": "open executable: Permission denied\\n"}'), {
    failure: 'open executable: Permission denied',
  });
  const logged =
    'time="x" level=warning msg="no oom count"\ntime="x" level=error msg="runc create failed: exec: \\"/x\\": not found"\n';
  assert.deepEqual(parseReport(JSON.stringify({ pid: -1, message: logged })), {
    failure: 'runc create failed: exec: "/x": not found',
  });
  assert.deepEqual(parseReport('{}'), { failure: 'conmon gave no reason' });
});

test('one at a time for a key, others meanwhile; a failure holds nobody up', async () => {
  const mutex = new KeyedMutex();
  const order: string[] = [];
  const step = (name: string, ms: number) => async (): Promise<void> => {
    order.push(`${name}+`);
    await new Promise((resolve) => setTimeout(resolve, ms));
    order.push(`${name}-`);
    if (name === 'a1') throw new Error('a1 failed');
  };
  const first = mutex.run('a', step('a1', 40));
  await Promise.all([assert.rejects(first, /a1 failed/), mutex.run('a', step('a2', 1)), mutex.run('b', step('b1', 1))]);
  assert.deepEqual(order, ['a1+', 'b1+', 'b1-', 'a1-', 'a2+', 'a2-']);
});

test('stop signals as images write them', () => {
  const rows: readonly (readonly [string | undefined, number])[] = [
    [undefined, 15],
    ['', 15],
    ['SIGQUIT', 3],
    ['quit', 3],
    ['9', 9],
    ['SIGRTMIN+3', 37],
    ['SIGNOTHING', 15],
    ['999', 15],
  ];
  for (const [text, number] of rows) assert.equal(signalNumber(text), number, String(text));
});

const files = {
  passwd: 'root:x:0:0:root:/root:/bin/sh\nweb:x:33:34:web:/var/www:/bin/false\nbroken\n',
  group: 'root:x:0:\nweb:x:34:\nlogs:x:40:root,web\nmail:x:41:web\n',
};

test('users: the pod’s number, the image’s name or number, and their groups', () => {
  assert.deepEqual(resolveUser({}, files), { uid: 0, gid: 0, additionalGids: [40], home: '/root' });
  assert.deepEqual(resolveUser({ imageUser: 'web' }, files), {
    uid: 33,
    gid: 34,
    additionalGids: [40, 41],
    home: '/var/www',
  });
  assert.deepEqual(resolveUser({ imageUser: 'web:mail' }, files), {
    uid: 33,
    gid: 41,
    additionalGids: [40],
    home: '/var/www',
  });
  assert.deepEqual(resolveUser({ imageUser: '1000:2000' }, files), {
    uid: 1000,
    gid: 2000,
    additionalGids: [],
    home: '/',
  });
  assert.deepEqual(resolveUser({ imageUser: 'web', runAsUser: 5, runAsGroup: 6 }, files), {
    uid: 5,
    gid: 6,
    additionalGids: [],
    home: '/',
  });
  assert.deepEqual(
    resolveUser({ imageUser: 'web', supplementalGroups: [2000, 3000, 2000] }, files).additionalGids.slice(-2),
    [2000, 3000],
  );
  assert.throws(() => resolveUser({ imageUser: 'nobody' }, files), /no user "nobody"/);
  assert.throws(() => resolveUser({ imageUser: 'web:nogroup' }, files), /no group "nogroup"/);
});

test('an exec has the container’s user, rights and variables', () => {
  const process = {
    terminal: false,
    user: { uid: 33, gid: 33 },
    args: ['httpd'],
    env: ['A=b'],
    cwd: '/srv',
    capabilities: { bounding: [], effective: [], permitted: [] },
    noNewPrivileges: true,
  };
  const spec = {
    ociVersion: '1.0.2',
    process,
    root: { path: '/', readonly: true },
    mounts: [],
    linux: { namespaces: [], cgroupsPath: '/' },
  };
  assert.deepEqual(execProcess(spec, { command: ['sh'], tty: true }), {
    ...process,
    args: ['sh'],
    terminal: true,
    env: ['A=b', 'TERM=xterm'],
  });
});

test('why a command did not start, in the runtimes’ words', () => {
  assert.equal(startFailure('executable file `nosuch` not found in $PATH: No such file or directory'), 127);
  assert.equal(
    startFailure('exec failed: unable to start container process: exec: "x": stat x: no such file or directory'),
    127,
  );
  assert.equal(startFailure('open executable: Permission denied'), 126);
});
