/** Two labs of placeholder services side by side, made at the same moment without a range given. Needs root. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { overlaps, parseCIDR } from '../../src/api/addresses.ts';
import { createDirectExec } from '../../src/kernel/run-process.ts';
import {
  createLab,
  labPlaces,
  outsideAddress,
  podwireServices,
  readLabFile,
  type Lab,
  type LabConfig,
} from '../../src/lab/index.ts';

const names = ['pwtwin-a', 'pwtwin-b', 'pwtwin-c'] as const;
const exec = createDirectExec();
const noCheck = async (): Promise<void> => undefined;
const program = { node: process.execPath, script: 'placeholder' };
const real = podwireServices(program);

/** Nodes are placeholders; the outside is the real one. */
function open(name: string): Lab {
  return createLab({
    name,
    exec,
    program,
    servicesOf: (machine, config) =>
      machine.role === 'outside'
        ? real(machine, config)
        : [{ name: 'web', argv: ['busybox', 'httpd', '-f', '-p', '8080', '-h', '/etc'] }],
  });
}

async function configOf(name: string): Promise<LabConfig> {
  const file = await readLabFile(name);
  assert.ok(file);
  return file.config;
}

const rangesOf = ({ nodeCIDR, podCIDR, serviceCIDR }: LabConfig): string[] => [nodeCIDR, podCIDR, serviceCIDR];

/** What these labs have in the kernel. */
async function left(): Promise<string[]> {
  const [links, namespaces] = await Promise.all(
    [['ip', '-o', 'link'] as const, ['ip', 'netns'] as const].map(
      async ([...argv]) => (await exec.run({ argv })).stdout,
    ),
  );
  const mounts = await readFile('/proc/self/mountinfo', 'utf8');
  const folders = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'].flatMap((root) =>
    names.map((name) => `${root}/podwire/${name}`).filter((path) => existsSync(path)),
  );
  const lines = [links, namespaces, mounts].join('\n').split('\n');
  return [...folders, ...lines.filter((line) => line.includes('pwtwin'))];
}

/** In a machine; asks again while its server starts. */
async function fetchFrom(lab: Lab, machine: string, url: string): Promise<string> {
  const end = Date.now() + 10_000;
  for (;;) {
    const argv = [...(await lab.enter(machine)), 'curl', '-sS', '--max-time', '2', url] as [string, ...string[]];
    const result = await exec.run({ argv, okExitCodes: [0, 7, 28] });
    if (result.exitCode === 0) return result.stdout;
    if (Date.now() > end) throw new Error(`${machine} gets no answer from ${url}: ${result.stderr}`);
    await sleep(25);
  }
}

describe('two labs at once', { skip: process.getuid?.() !== 0 && 'needs root', timeout: 120_000 }, () => {
  const [a, b, c] = [open('pwtwin-a'), open('pwtwin-b'), open('pwtwin-c')];
  const end = async (): Promise<void> => void (await Promise.all([a.down(), b.down(), c.down()]));
  before(end);
  after(end);

  test('made at the same moment, they share no address', async () => {
    await Promise.all([a.up({ nodes: ['node1'] }, noCheck), b.up({ nodes: ['node1', 'node2'] }, noCheck)]);
    const [ofA, ofB] = [rangesOf(await configOf('pwtwin-a')), rangesOf(await configOf('pwtwin-b'))];
    for (const one of ofA)
      for (const other of ofB) assert.equal(overlaps(parseCIDR(one), parseCIDR(other)), false, `${one} and ${other}`);
  });

  test('each machine has its own outside, which sees the address of the machine', async () => {
    for (const lab of [a, b]) {
      const node = (await lab.status())?.machines.find(({ name }) => name === 'node1');
      assert.equal(await fetchFrom(lab, 'node1', `http://${outsideAddress}/`), `${node?.address}\n`);
    }
  });

  test('the outside reaches nodes, and nothing beyond the switch', async () => {
    const node = (await a.status())?.machines.find(({ name }) => name === 'node1');
    assert.ok(node);
    assert.match(await fetchFrom(a, 'outside', `http://${node.address}:8080/hostname`), /^node1$/m);
    const route = [...(await a.enter('outside')), 'ip', 'route', 'get', '10.254.1.1'] as [string, ...string[]];
    assert.equal((await exec.run({ argv: route, okExitCodes: [2] })).exitCode, 2);
  });

  test('a range that the other one has is refused by its name, and nothing is made', async () => {
    const { podCIDR } = await configOf('pwtwin-b');
    await assert.rejects(
      c.up({ nodes: ['node1'], podCIDR }, noCheck),
      new RegExp(`--pod-cidr ${podCIDR} overlaps ${podCIDR} \\(pod-cidr\\) of lab pwtwin-b`),
    );
    assert.equal(existsSync(labPlaces('pwtwin-c').lab), false);
  });

  test('stop keeps the ranges from others, and up brings the same ones back', async () => {
    const had = await configOf('pwtwin-b');
    await b.stop();
    const { config } = await c.up({ nodes: [] }, noCheck);
    for (const range of rangesOf(config)) assert.ok(!rangesOf(had).includes(range), range);
    assert.deepEqual((await b.up({}, noCheck)).config, had);
  });

  test('one goes and the other goes on; with the last nothing is left', async () => {
    await Promise.all([a.down(), c.down()]);
    assert.match(await fetchFrom(b, 'node2', 'http://node1:8080/hostname'), /^node1$/m);
    await b.down();
    assert.deepEqual(await left(), []);
    for (const name of names) assert.equal(existsSync(labPlaces(name).lab), false);
  });
});
