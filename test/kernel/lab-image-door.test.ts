/** A machine without any way out gets an image from a registry on the host, by the lab's door. Needs root. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLogger } from '../../src/api/logger.ts';
import { createDirectExec } from '../../src/kernel/run-process.ts';
import { imageDoorSocket } from '../../src/lab/image-door.ts';
import { createLab, imageFolder, type Lab } from '../../src/lab/index.ts';
import { createImageService } from '../../src/runtime/images/index.ts';
import { credentials, startRegistry, writeLayout, type LayoutFacts, type Registry } from './registry.ts';

const name = 'pwdoor';
const source = join(import.meta.dirname, '../../src');
const exec = createDirectExec();
const images = createImageService({ dir: imageFolder, exec, logger: createLogger(() => undefined) });
let folder: string;
let registry: Registry;
let facts: LayoutFacts;
let lab: Lab;
const pulled = new Set<string>();

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'podwire-door-'));
  facts = await writeLayout(join(folder, 'image'), ['for a machine']);
  registry = await startRegistry(join(folder, 'registry'), { auth: true });
  await registry.push(join(folder, 'image'), 'team/door:1');
  lab = createLab({
    name,
    exec,
    program: { node: process.execPath, script: join(source, 'cli/main.ts') },
    servicesOf: () => [{ name: 'sleeper', argv: ['sleep', '987654'] }],
  });
  await lab.up({ nodes: ['node1'], nodeCIDR: '10.244.98.0/24' }, async () => undefined);
});

after(async () => {
  await lab.down();
  for (const reference of pulled) await images.removeImage(reference);
  await registry.close();
  await rm(folder, { recursive: true, force: true });
});

/** What a machine hears: the image's ID, or why not. */
async function pullInside(reference: string, as?: typeof credentials): Promise<string> {
  pulled.add(reference);
  const code = `
    import { pullThroughDoor } from '${source}/runtime/images/pull-door.ts';
    const options = ${JSON.stringify(as === undefined ? {} : { credentials: as })};
    const image = await pullThroughDoor('${imageDoorSocket(name)}', '${reference}', options).catch((error) => error);
    process.stdout.write(image.id ?? image.message);`;
  const node = [process.execPath, '--input-type=module-typescript', '--eval', code];
  return (await exec.run({ argv: [...(await lab.enter('node1')), ...node] as unknown as [string] })).stdout;
}

async function doorProcesses(): Promise<number[]> {
  for (const root of ['/sys/fs/cgroup', '/sys/fs/cgroup/unified']) {
    const file = join(root, 'podwire', name, 'image-door/cgroup.procs');
    if (existsSync(file)) return (await readFile(file, 'utf8')).split('\n').filter(Boolean).map(Number);
  }
  return [];
}

/** Also when it ended by itself meanwhile. */
function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

test('the host fetches what the machine asks for, as whom it says', async () => {
  const reference = `${registry.host}/team/door:1`;
  assert.match(await pullInside(reference), /wants credentials, and there are none for it$/);
  assert.equal(await pullInside(reference, credentials), facts.id);
  assert.equal((await images.imageStatus(reference))?.id, facts.id);
});

test('killed, the listener comes back by itself; killed with its supervisor, by up', async () => {
  const listeners = async (): Promise<number[]> => {
    const found: number[] = [];
    for (const pid of await doorProcesses()) {
      // A child that serves one pull may end between the list and the look.
      const comm = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
      if (comm.startsWith('s6-ipcserver')) found.push(pid);
    }
    return found;
  };
  const [listener] = await listeners();
  assert.ok(listener !== undefined);
  process.kill(listener, 'SIGKILL');
  assert.match(await pullInside(`${registry.host}/team/door:2`, credentials), /has no such image/);
  // A caller that says nothing keeps a process there: it dies last, and is seen as one without a supervisor until then.
  const silent = connect(imageDoorSocket(name)).on('error', () => undefined);
  await once(silent, 'connect');
  while ((await doorProcesses()).length > 0) {
    for (const pid of await doorProcesses()) endProcess(pid);
    await sleep(10);
  }
  silent.destroy();
  await lab.up({}, async () => undefined);
  assert.match(await pullInside(`${registry.host}/team/door:2`, credentials), /has no such image/);
});

test(
  'killed with its supervisor, while a pull goes on without both: up ends that and starts anew',
  { timeout: 60_000 },
  async () => {
    const silent = connect(imageDoorSocket(name)).on('error', () => undefined);
    await once(silent, 'connect');
    const names = async (): Promise<Map<number, string>> => {
      const found = (await doorProcesses()).map(async (pid): Promise<[number, string]> => [
        pid,
        await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => ''),
      ]);
      return new Map(await Promise.all(found));
    };
    while (![...(await names()).values()].some((comm) => comm.startsWith('node') || comm.startsWith('MainThread')))
      await sleep(5);
    for (const [pid, comm] of [...(await names())].sort(([, a], [, b]) => b.localeCompare(a)))
      if (comm.startsWith('s6-')) endProcess(pid);
    await lab.up({}, async () => undefined);
    assert.match(await pullInside(`${registry.host}/team/door:2`, credentials), /has no such image/);
    silent.destroy();
  },
);

test('nothing of it is left after down', async () => {
  await lab.down();
  assert.deepEqual(await doorProcesses(), []);
  assert.deepEqual(
    (await readdir(imageFolder)).filter((entry) => entry.includes(name)),
    [],
  );
});
