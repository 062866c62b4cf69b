import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { silentLogger } from '../../api/logger.ts';
import { createStaticPods, type StaticPods } from './static-pods.ts';

let folder: string;
let ending: AbortController;
let seen: string[];
let problems: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'manifests-'));
  ending = new AbortController();
  seen = [];
  problems = [];
});

afterEach(async () => {
  ending.abort();
  await rm(folder, { recursive: true, force: true });
});

const manifest = (name: string, image = 'busybox'): string =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}}\nspec:\n  containers: [{name: main, image: ${image}}]\n`;

const put = (file: string, text: string): Promise<void> => writeFile(join(folder, file), text);

async function start(readAgainMs = 60_000): Promise<StaticPods> {
  const pods = createStaticPods({
    folder,
    nodeName: 'node1',
    loadCheck: async () => ({ shape: () => [], complete: () => [] }),
    onProblem: (problem) => problems.push(problem.replaceAll(folder, '')),
    logger: silentLogger,
    signal: ending.signal,
    readAgainMs,
  });
  pods.onChange(({ type, pod }) => seen.push(`${type} ${pod.metadata.name} ${pod.spec?.containers[0]?.image}`));
  await pods.start();
  return pods;
}

async function until(what: string, check: () => boolean): Promise<void> {
  for (let turn = 0; turn < 1_000; turn += 1) {
    if (check()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.fail(`not seen: ${what}; ${JSON.stringify({ seen, problems })}`);
}

test('the folder is made, and files come, change and go', async () => {
  await rm(folder, { recursive: true });
  await start();
  assert.deepEqual(seen, []);
  await put('a.yaml', manifest('a'));
  await until('a', () => seen.length === 1);
  await put('a.yaml', manifest('a', 'other'));
  await until('a changed', () => seen.length === 3);
  await rm(join(folder, 'a.yaml'));
  await until('a gone', () => seen.length === 4);
  assert.deepEqual(seen, [
    'added a-node1 busybox',
    'removed a-node1 busybox',
    'added a-node1 other',
    'removed a-node1 other',
  ]);
  assert.deepEqual(problems, []);
});

test('a bad file is told of once, harms no other, and is taken when it is mended', async () => {
  await put('a.yaml', manifest('a'));
  await put('b.yaml', 'kind: [\n');
  const pods = await start(20);
  assert.deepEqual(seen, ['added a-node1 busybox']);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(problems.length, 1);
  assert.match(problems[0] ?? '', /^\/b\.yaml:\d: /);
  await put('b.yaml', manifest('b'));
  await until('b', () => seen.includes('added b-node1 busybox'));
  assert.equal(pods.list().length, 2);
});

test('a file that turns bad keeps its pod until it is gone', async () => {
  await put('a.yaml', manifest('a'));
  await start();
  await put('a.yaml', `${manifest('a')}oops: [\n`);
  await until('a problem', () => problems.length === 1);
  await put('a.yaml', '');
  await until('another one', () => problems.length === 2);
  assert.deepEqual(seen, ['added a-node1 busybox']);
  await rm(join(folder, 'a.yaml'));
  await until('gone', () => seen.includes('removed a-node1 busybox'));
});

test('what is no manifest is passed over, what cannot be one is told of', async () => {
  await put('.a.yaml.swp', 'x');
  await put('empty.yaml', '');
  await mkdir(join(folder, 'sub'));
  await symlink('/dev/null', join(folder, 'device'));
  await put('large.yaml', `# ${'x'.repeat(1024 * 1024)}`);
  await start();
  assert.deepEqual(problems, ['/device: is no regular file', '/large.yaml: is larger than 1048576 bytes']);
});

test('two files with one pod: the first by name is taken', async () => {
  await put('b.yaml', manifest('web', 'second'));
  await put('a.yaml', manifest('web', 'first'));
  await start();
  assert.deepEqual(seen, ['added web-node1 first']);
  assert.deepEqual(problems, ['/b.yaml: metadata.name: default/web-node1 is the pod of /a.yaml already']);
});

test('a folder that is moved away and comes back is followed again', async () => {
  await put('a.yaml', manifest('a'));
  await start(20);
  await rename(folder, `${folder}-away`);
  await until('gone', () => seen.includes('removed a-node1 busybox'));
  await rename(`${folder}-away`, folder);
  await until('back', () => seen.length === 3);
});
