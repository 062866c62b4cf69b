/**
 * Commands that are killed in the middle: `up`, `stop`, `down`, `node add`, `node rm`, each at several points of its work. The next command
 * finishes what was left, nothing is lost, nothing leaks. Needs root and what scripts/setup installs.
 */
import { execa } from 'execa';
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Lab, run } from './lab.ts';
import { machineState } from './machine-state.ts';

const root = join(import.meta.dirname, '..');
const lab = new Lab(process.env['PODWIRE_CUT_LAB'] ?? 'pwcut');
const upArgs = ['--nodes=1', '--dns=off', '--internet=off'];
const boundMs = 60_000;

/** When a command is killed: at the line that says that a stage is over, or once something is so on the host. */
type Moment = { readonly line: RegExp } | { readonly so: () => boolean };

const cgroup = (machine: string): boolean =>
  ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'].some((path) => existsSync(join(path, 'podwire', lab.name, machine)));
const labFolder = (): boolean => existsSync(`/var/lib/podwire/labs/${lab.name}`);
const hostLink = (): boolean => existsSync(`/sys/class/net/pw-${lab.name}`);
const machineFolder = (machine: string): boolean => existsSync(`/var/lib/podwire/labs/${lab.name}/machines/${machine}`);

/** Runs `podwire ARGS` and kills it, and only it, at that moment. True when it was not over before. */
async function cut(args: readonly string[], moment: Moment): Promise<boolean> {
  const child = execa(join(root, 'scripts/podwire'), args, { reject: false, stdin: 'ignore', timeout: boundMs });
  let over = false;
  void child.then(() => {
    over = true;
  });
  const kill = (): void => void child.kill('SIGKILL');
  if ('line' in moment) createInterface({ input: child.stdout }).on('line', (line) => moment.line.test(line) && kill());
  else
    for (const end = Date.now() + boundMs; !over && Date.now() < end; await sleep(1)) {
      if (!moment.so()) continue;
      kill();
      break;
    }
  return (await child).signal === 'SIGKILL';
}

const podwire = (verb: string, ...rest: string[]): string[] => [verb, '--name', lab.name, ...rest];
const node = (verb: string, ...rest: string[]): string[] => ['node', verb, '--name', lab.name, ...rest];

describe('commands that are cut short', { concurrency: 1 }, () => {
  let beforeUp: string[] = [];

  const leftBehind = async (): Promise<string[]> =>
    (await machineState(lab.name)).filter((line) => !beforeUp.includes(line));
  const isWhole = async (nodes: number): Promise<void> => {
    await lab.up(upArgs.slice(1));
    assert.equal((await lab.nodes()).length, nodes);
    const { stdout } = await lab.podwire(['status']);
    assert.equal(stdout.match(/running +Ready/g)?.length, nodes, stdout);
  };

  const knowsOf = async (machine: string): Promise<boolean> =>
    (await lab.podwire(['status'], { mayFail: true })).stdout.includes(machine);

  before(async () => {
    await lab.podwire(['down'], { mayFail: true });
    beforeUp = await machineState(lab.name);
  });
  after(async () => void (await lab.podwire(['down'], { mayFail: true })));

  const ofUp: readonly (readonly [string, Moment])[] = [
    ['its folder is there', { so: labFolder }],
    ['the checks are over', { line: /checks/ }],
    ['certificates are made', { line: /certificates and files/ }],
    ['the link of the host is there', { so: hostLink }],
    ['a machine begins', { so: () => cgroup('node1') }],
    ['all machines run', { line: /switch and machines/ }],
    ['the API server answers', { line: /API server answers/ }],
  ];
  for (const [when, moment] of ofUp) {
    test(`up, killed when ${when}: the next one finishes it`, async () => {
      assert.ok(await cut(podwire('up', ...upArgs), moment), 'it was over before');
      await lab.up(upArgs);
      await isWhole(1);
      await lab.podwire(['down']);
      assert.deepEqual(await leftBehind(), []);
    });
    test(`up, killed when ${when}: down takes away what there is`, async () => {
      assert.ok(await cut(podwire('up', ...upArgs), moment), 'it was over before');
      await lab.podwire(['down']);
      assert.deepEqual(await leftBehind(), []);
    });
  }

  test('node add and node rm, killed: the same again finishes them', async () => {
    await lab.up(upArgs);
    await lab.kubectl(['create', 'configmap', 'kept', '--from-literal=a=b']);
    await cut(node('add'), { so: () => machineFolder('node2') });
    // Once it is written down, up makes what is missing of it.
    const isKnown = await knowsOf('node2');
    await isWhole(isKnown ? 2 : 1);
    if (!isKnown) await run([join(root, 'scripts/podwire'), ...node('add')]);
    await isWhole(2);
    await cut(node('rm', 'node2'), { so: () => !cgroup('node2') });
    await run([join(root, 'scripts/podwire'), ...node('rm', 'node2')], { mayFail: true });
    assert.ok(!machineFolder('node2'), 'its folder is gone');
    assert.ok(!(await knowsOf('node2')));
  });

  for (const [when, so] of [
    ['it begins', () => true],
    ['a machine has ended', () => !cgroup('node1')],
  ] as const) {
    test(`stop, killed when ${when}: up brings the same cluster back`, async () => {
      await cut(podwire('stop'), { so });
      await lab.up(upArgs.slice(1));
      assert.match((await lab.kubectl(['get', 'configmap', 'kept', '-o', 'jsonpath={.data.a}'])).stdout, /^b$/);
    });
  }

  for (const [when, so] of [
    ['it begins', () => true],
    ['a machine has ended', () => !cgroup('node1')],
    ['the link of the host is gone', () => !hostLink()],
  ] as const) {
    test(`down, killed when ${when}: the next one leaves nothing`, async () => {
      await lab.up(upArgs);
      await cut(podwire('down'), { so });
      await lab.podwire(['down']);
      assert.ok(!labFolder());
      assert.deepEqual(await leftBehind(), []);
    });
  }
});
