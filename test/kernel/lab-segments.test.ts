/** A lab of two segments with placeholder services: who reaches whom, by which way, and that nothing is left. Needs root. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createDirectExec } from '../../src/kernel/run-process.ts';
import { createLab, LabError, podwireServices, type Lab } from '../../src/lab/index.ts';

const name = 'pwsegments';
const nodeCIDR = '10.244.96.0/24';
/** Dealt in turn: node2 is on the second switch, at 128 + 12. */
const address = {
  'control-plane': '10.244.96.2',
  node1: '10.244.96.11',
  node2: '10.244.96.140',
  node3: '10.244.96.13',
  node4: '10.244.96.142',
} as const;
type Name = keyof typeof address;
const exec = createDirectExec();
const wanted = { nodes: ['node1', 'node2', 'node3'], nodeCIDR, segments: 2, internet: 'off' as const };
const noCheck = async (): Promise<void> => undefined;
const program = { node: process.execPath, script: 'placeholder' };
const real = podwireServices(program);

function open(): Lab {
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

async function output(...argv: [string, ...string[]]): Promise<string> {
  return (await exec.run({ argv, okExitCodes: [0, 1, 2, 7, 28] })).stdout;
}

const inMachine = async (machine: string, ...argv: string[]): Promise<string> =>
  output(...(await open().enter(machine)), ...argv);

/** From a machine, or from the host; asks again while the server starts. */
async function page(from: string | undefined, url: string): Promise<string> {
  const curl = ['curl', '-sS', '--max-time', '2', url] as const;
  for (const end = Date.now() + 10_000; Date.now() < end; await sleep(25)) {
    const text = await (from === undefined ? output(...curl) : inMachine(from, ...curl));
    if (text !== '') return text.trim();
  }
  throw new Error(`${from ?? 'the host'} gets no answer from ${url}`);
}

const ourRoutes = async (): Promise<string> =>
  (await output('ip', 'route'))
    .split('\n')
    .filter((line) => line.includes('10.244.96.'))
    .join('\n');

const everyMachine = Object.keys(address).filter((machine): machine is Name => machine !== 'node4');

describe('a lab of two segments', { skip: process.getuid?.() !== 0 && 'needs root', timeout: 120_000 }, () => {
  before(() => open().down());
  after(() => open().down());

  test('the host and every machine reach every machine, on whichever segment', async () => {
    await open().up(wanted, noCheck);
    for (const from of [undefined, ...everyMachine, 'outside'])
      for (const to of everyMachine)
        assert.equal(await page(from, `http://${address[to]}:8080/hostname`), to, `${from ?? 'host'} to ${to}`);
  });

  test('the way to the other segment is by the router, and the router knows no pods', async () => {
    assert.match(await inMachine('node1', 'ip', 'route', 'get', address.node2), /via 10\.244\.96\.4 dev eth0/);
    assert.match(await inMachine('node2', 'ip', 'route', 'get', address.node1), /via 10\.244\.96\.132 dev eth0/);
    assert.match(await inMachine('node3', 'ip', 'route', 'get', address.node1), /^10\.244\.96\.11 dev eth0/);
    const refused = await inMachine('node1', 'ping', '-c', '1', '-W', '2', '10.45.2.2');
    assert.match(refused, /Net Unreachable/);
    // No frame of one switch is on the other: only the router's address answers ARP there.
    assert.match(
      await inMachine('node1', 'busybox', 'arping', '-c', '1', '-w', '1', '-I', 'eth0', address.node2),
      /Received 0/,
    );
  });

  test('the outside sees who calls from the second segment, and the other way round', async () => {
    assert.equal(await page('node2', 'http://203.0.113.1/'), address.node2);
    assert.equal(await page('outside', `http://${address.node2}:8080/hostname`), 'node2');
  });

  test('an address of a load balancer is answered for on the segment that it is of, whoever asks', async () => {
    for (const [node, ip] of [
      ['node1', '10.244.96.113'],
      ['node2', '10.244.96.241'],
    ] as const) {
      await inMachine(node, 'ip', 'route', 'add', 'local', ip, 'dev', 'eth0', 'table', 'local');
      for (const from of [undefined, ...everyMachine, 'outside'])
        assert.equal(await page(from, `http://${ip}:8080/hostname`), node, from ?? 'host');
    }
  });

  test('a node that is added is dealt to a segment, and one that goes takes its port along', async () => {
    const { started } = await open().addNode();
    assert.deepEqual(started, ['node4']);
    assert.equal((await open().status())?.machines.find((machine) => machine.name === 'node4')?.segment, 2);
    assert.equal(await page(undefined, `http://${address.node4}:8080/hostname`), 'node4');
    await open().removeNode('node4');
    assert.doesNotMatch(await output('ip', '-netns', `${name}-switch`, 'link'), /node4/);
  });

  test('up again changes nothing, and another number of segments is refused', async () => {
    assert.deepEqual((await open().up(wanted, noCheck)).started, []);
    await assert.rejects(
      open().up({ ...wanted, segments: 3 }, noCheck),
      (error) => error instanceof LabError && /has segments 2: podwire down first/.test(error.message),
    );
  });

  test('stop takes routes and switches away, up brings them back, down leaves nothing', async () => {
    const before = await ourRoutes();
    assert.match(before, /10\.244\.96\.0\/24 via 10\.244\.96\.4 dev pw-pwsegments/);
    await open().stop();
    assert.equal(await ourRoutes(), '');
    await open().up({}, noCheck);
    assert.equal(await ourRoutes(), before);
    assert.equal(await page('node3', `http://${address.node2}:8080/hostname`), 'node2');
    await open().down();
    assert.equal(await ourRoutes(), '');
    assert.doesNotMatch(`${await output('ip', 'netns')}${await output('ip', '-o', 'link')}`, /pwsegments/);
  });
});
