import assert from 'node:assert/strict';
import { closeSync, fstatSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { openBeneath } from './beneath.ts';

let folder: string;
let outside: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'beneath-'));
  outside = mkdtempSync(join(tmpdir(), 'outside-'));
  mkdirSync(join(folder, 'a', 'b'), { recursive: true });
  writeFileSync(join(folder, 'a', 'file'), 'x');
});

afterEach(() => {
  for (const each of [folder, outside]) rmSync(each, { recursive: true, force: true });
});

function inodeOf(path: string, makeFolders?: number): number {
  const descriptor = openBeneath(folder, path, makeFolders === undefined ? {} : { makeFolders });
  const { ino } = fstatSync(descriptor);
  closeSync(descriptor);
  return ino;
}

test('folders and files, and the folder itself', () => {
  for (const path of ['', 'a', 'a/b', 'a/file', './a//b'])
    assert.equal(inodeOf(path), statSync(join(folder, path)).ino, path);
});

test('a link is an error wherever it stands, and nothing is made behind it', () => {
  symlinkSync(outside, join(folder, 'out'));
  symlinkSync('b', join(folder, 'a', 'near'));
  for (const path of ['out', 'out/x', 'a/near', 'a/near/x']) assert.throws(() => inodeOf(path, 0o755), path);
  assert.throws(() => statSync(join(outside, 'x')), /ENOENT/);
});

test('ways out are refused, and what is missing is made only when asked for', () => {
  for (const path of ['..', 'a/../..', '/etc']) assert.throws(() => inodeOf(path), /leads out/);
  assert.throws(() => inodeOf('new/folder'), /ENOENT/);
  assert.equal(inodeOf('new/folder', 0o750), statSync(join(folder, 'new', 'folder')).ino);
  assert.equal(statSync(join(folder, 'new')).mode & 0o777, 0o750);
});
