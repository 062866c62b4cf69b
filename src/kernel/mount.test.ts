import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cgroupLayout } from './cgroup.ts';
import { CommandError } from './exec.ts';
import { isMountBusy, isNotMounted, mountsUnder, overlayOptions, parseMountinfo, type MountEntry } from './mount.ts';

test('mountinfo: optional fields, escapes, super options', () => {
  const text = [
    '36 35 98:0 /mnt1 /mnt\\0402 rw,noatime shared:1 master:2 - ext3 /dev/root rw,errors=continue',
    '40 36 0:33 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755',
    'broken line',
    '',
  ].join('\n');
  assert.deepEqual(parseMountinfo(text), [
    {
      root: '/mnt1',
      target: '/mnt 2',
      options: ['rw', 'noatime'],
      type: 'ext3',
      source: '/dev/root',
      superOptions: ['rw', 'errors=continue'],
    },
    {
      root: '/',
      target: '/sys/fs/cgroup',
      options: ['ro', 'nosuid'],
      type: 'tmpfs',
      source: 'tmpfs',
      superOptions: ['ro', 'mode=755'],
    },
  ]);
});

const at = (target: string, type = 'tmpfs'): MountEntry => ({
  root: '/',
  target,
  options: [],
  type,
  source: type,
  superOptions: [],
});

test('mounts under a folder come deepest first and only from there', () => {
  const mounts = [at('/a'), at('/ab'), at('/a/b'), at('/a/b/c'), at('/c')];
  assert.deepEqual(mountsUnder('/a', mounts), ['/a/b/c', '/a/b', '/a']);
});

test('overlay options: layers top first; read-only without an upper folder', () => {
  assert.equal(
    overlayOptions({ lower: ['/l/2', '/l/1'], upper: '/u', work: '/w', target: '/t' }),
    'lowerdir=/l/2:/l/1,upperdir=/u,workdir=/w',
  );
  assert.equal(overlayOptions({ lower: ['/l/1'], target: '/t' }), 'lowerdir=/l/1');
});

test('overlay options: paths that would change their meaning, or do not fit, are refused', () => {
  assert.throws(() => overlayOptions({ lower: ['/l/a:b'], target: '/t' }), /holds one of/);
  assert.throws(
    () => overlayOptions({ lower: Array.from({ length: 100 }, () => '/'.padEnd(60, 'x')), target: '/t' }),
    /100 layers/,
  );
});

function umountError(stderr: string): CommandError {
  return new CommandError({
    argv: ['umount'],
    reason: 'exit code 32',
    exitCode: 32,
    stdout: '',
    stderr,
    durationMs: 1,
    timedOut: false,
    missing: false,
  });
}

test('why umount failed', () => {
  assert.equal(isNotMounted(umountError('umount: /x: not mounted.')), true);
  assert.equal(isMountBusy(umountError('umount: /x: not mounted.')), false);
  assert.equal(isMountBusy(umountError('umount: /x: target is busy.')), true);
  assert.equal(isNotMounted(new Error('not mounted')), false);
});

test('control groups: v2, v1, hybrid, and the mount that covers another', () => {
  const v1 = [at('/sys/fs/cgroup'), at('/sys/fs/cgroup/cpu', 'cgroup'), at('/sys/fs/cgroup/pids', 'cgroup')];
  const unified = at('/sys/fs/cgroup/unified', 'cgroup2');
  assert.deepEqual(cgroupLayout([at('/sys/fs/cgroup', 'cgroup2')]), { mode: 'v2', roots: ['/sys/fs/cgroup'] });
  assert.deepEqual(cgroupLayout(v1), { mode: 'v1', roots: ['/sys/fs/cgroup/pids', '/sys/fs/cgroup/cpu'] });
  assert.equal(cgroupLayout([...v1, unified]).mode, 'hybrid');
  assert.equal(cgroupLayout([...v1, unified]).roots[0], '/sys/fs/cgroup/unified');
  assert.equal(cgroupLayout([...v1, unified, at('/sys/fs/cgroup', 'cgroup2')]).mode, 'v2');
  assert.throws(() => cgroupLayout([at('/')]), /no control groups/);
});
