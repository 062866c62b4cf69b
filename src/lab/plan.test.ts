import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { defaultConfig, nodeNames, type LabConfig } from './config.ts';
import type { MachineState, ObservedLab } from './observed.ts';
import {
  planMachineRemoval,
  planMachineStart,
  planRemoval,
  planRenewal,
  planUp,
  renderPlan,
  wavesOf,
  type LabPlan,
} from './plan.ts';
import { machineNamed } from './config.ts';
import { ipv6RangesFor } from './ipv6-ranges.ts';
import { bootScript } from './scripts.ts';

const config: LabConfig = { ...defaultConfig, nodes: nodeNames(2) };
const host = {
  cgroupRoot: '/sys/fs/cgroup',
  internet: { hasDefaultRoute: true },
  etc: { hosts: '/etc/hosts', 'resolv.conf': '/run/systemd/resolve/stub-resolv.conf' },
};

function observed(state: ObservedLab['switch'], machines: Record<string, MachineState> = {}): ObservedLab {
  return {
    switch: state,
    hasNetns: state !== 'absent',
    hasLink: state === 'whole',
    machines: new Map(Object.entries(machines)),
  };
}

const running = {
  'image-door': 'running',
  internet: 'running',
  'control-plane': 'running',
  node1: 'running',
  node2: 'running',
  outside: 'running',
} as const;

/** `kind machine,machine: reason` */
const told = (plan: LabPlan): string[] =>
  plan.map((step) => {
    const who = step.kind === 'start-machines' ? step.machines.map(({ name }) => name).join(',') : '';
    return `${step.kind} ${'machine' in step ? step.machine : who}: ${step.reason}`;
  });

/** UPDATE_GOLDEN=1 writes the file anew; read the difference before it is committed. */
function matchesGolden(name: string, text: string): void {
  const path = join(import.meta.dirname, 'golden', name);
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, text);
  assert.equal(text, readFileSync(path, 'utf8'));
}

test('a dry run of a lab of two families and two segments is this script', () => {
  const ipv6 = ipv6RangesFor(config.nodeCIDR);
  const dual: LabConfig = { ...config, segments: 2, ipFamily: 'dual', ipv6 };
  matchesGolden('up-dual.sh', renderPlan(planUp(dual, observed('absent'), true, 8), dual, host));
});

test('a dry run of a new lab of two nodes is this script', () => {
  matchesGolden('up.sh', renderPlan(planUp(config, observed('absent'), true, 8), config, host));
});

test('a dry run of a new lab of two segments is this script', () => {
  const two: LabConfig = { ...config, segments: 2 };
  matchesGolden('up-segments.sh', renderPlan(planUp(two, observed('absent'), false, 8), two, host));
});

test('a dry run of down is this script', () => {
  matchesGolden('down.sh', renderPlan(planRemoval(observed('whole', running), false), config, host));
});

test('only in a large lab the machines know each other without asking', () => {
  const boot = (count: number): string => {
    const large = { ...defaultConfig, nodes: nodeNames(count) };
    return bootScript(large, machineNamed(large, 'node1'), host);
  };
  assert.ok(!boot(26).includes('neighbour'));
  const lines = boot(27)
    .split('\n')
    .filter((line) => line.includes('neighbour'));
  assert.equal(lines.length, 28);
  assert.equal(lines[1], 'neighbour replace 10.44.0.12 lladdr 02:70:0a:2c:00:0c dev eth0 nud permanent');
});

test('in a large lab of segments the machines know those of their own', () => {
  const large = { ...defaultConfig, segments: 2, nodes: nodeNames(30) };
  const lines = bootScript(large, machineNamed(large, 'node2'), host)
    .split('\n')
    .filter((line) => line.startsWith('neighbour'));
  assert.equal(lines.length, 14);
  assert.equal(lines[0], 'neighbour replace 10.44.0.142 lladdr 02:70:0a:2c:00:8e dev eth0 nud permanent');
});

test('a lab that stands needs nothing', () => {
  assert.deepEqual(planUp(config, observed('whole', running), true, 8), []);
  assert.deepEqual(planRemoval(observed('absent'), true), []);
});

test('a dead machine is cleared away and started, the others are left alone', () => {
  assert.deepEqual(told(planUp(config, observed('whole', { ...running, node2: 'dead' }), true, 8)), [
    'clear-machine node2: what a dead machine left',
    'start-machines node2: not running',
  ]);
});

test('without its switch no machine can go on: all are ended and started anew', () => {
  assert.deepEqual(told(planUp(config, observed('partial', { 'control-plane': 'running', node1: 'dead' }), true, 8)), [
    'end-machine control-plane: its switch is gone',
    'clear-machine control-plane: what a dead machine left',
    'clear-machine node1: what a dead machine left',
    'remove-switch : it is incomplete',
    'make-switch : there is none',
    'start-image-door : not running',
    'start-internet : not running',
    'start-machines control-plane,node1,node2,outside: not running',
  ]);
});

test('what lives on without its supervisor is ended and started anew', () => {
  const headless = observed('whole', { ...running, node2: 'headless', 'image-door': 'headless' });
  assert.deepEqual(told(planUp(config, headless, true, 8)), [
    'end-machine image-door: its supervisor is gone',
    'end-machine node2: its supervisor is gone',
    'clear-machine node2: what a dead machine left',
    'start-image-door : not running',
    'start-machines node2: not running',
  ]);
  assert.deepEqual(told(planMachineStart(machineNamed(config, 'node2'), headless)), [
    'end-machine node2: its supervisor is gone',
    'clear-machine node2: what a dead machine left',
    'start-machines node2: asked for',
  ]);
  assert.deepEqual(told(planRemoval(observed('absent', { node2: 'headless' }), true)), [
    'end-machine node2: the lab ends',
    'clear-machine node2: the lab ends',
  ]);
});

test('the door for images is started again, and goes on without its switch', () => {
  assert.deepEqual(told(planUp(config, observed('whole', { ...running, 'image-door': 'dead' }), true, 8)), [
    'start-image-door : not running',
  ]);
  assert.ok(!told(planUp(config, observed('partial', running), true, 8)).some((step) => step.includes('image-door')));
});

test('nodes start in waves, the first one with all that is no node', () => {
  const large = { ...defaultConfig, nodes: nodeNames(5) };
  const plan = planUp(large, observed('whole', { node2: 'running', 'image-door': 'running' }), false, 2);
  assert.deepEqual(told(plan), [
    'start-machines control-plane,node1,node3,outside: not running',
    'start-machines node4,node5: not running',
  ]);
  assert.deepEqual(wavesOf(plan).map(told), [
    ['start-machines control-plane,node1,node3,outside: not running'],
    ['start-machines node4,node5: not running'],
  ]);
  assert.equal(wavesOf(planUp(large, observed('absent'), true, 8)).length, 1);
  assert.deepEqual(wavesOf([]), []);
});

test('a machine that the config does not know is ended', () => {
  assert.deepEqual(told(planUp(config, observed('whole', { ...running, node7: 'running' }), true, 8)), [
    'end-machine node7: no machine of this lab has this name',
    'clear-machine node7: what a dead machine left',
  ]);
});

test('removal ends what runs, clears what is dead, and takes the switch last', () => {
  assert.deepEqual(told(planRemoval(observed('whole', { node1: 'running', node2: 'dead' }), true)), [
    'end-machine node1: the lab ends',
    'clear-machine node1: the lab ends',
    'clear-machine node2: the lab ends',
    'remove-switch : the lab ends',
  ]);
});

test('one machine goes off and on', () => {
  const whole = observed('whole', running);
  assert.deepEqual(told(planMachineRemoval(whole, 'node1', true)), [
    'end-machine node1: asked for',
    'clear-machine node1: asked for',
  ]);
  assert.deepEqual(planMachineRemoval(observed('whole'), 'node1', true), []);
  assert.deepEqual(planMachineStart(machineNamed(config, 'node1'), whole), []);
  assert.deepEqual(told(planMachineStart(machineNamed(config, 'node1'), observed('whole'))), [
    'start-machines node1: asked for',
  ]);
});

test('another mode of the proxy is a new command for the agents that run, and a restart of nothing else', () => {
  const nft: LabConfig = { ...config, kubeProxyMode: 'nftables' };
  assert.deepEqual(planRenewal(nft, []), []);
  const plan = planRenewal(nft, ['node2']);
  const text = renderPlan(plan, nft, host);
  assert.match(text, /^# renew-agents: kubeProxyMode is nftables now\n/);
  assert.match(text, /for group in \/sys\/fs\/cgroup\/podwire\/podwire\/node2; do/);
  assert.match(text, /s6-svc -r \$root\/run\/service\/agent/);
});
