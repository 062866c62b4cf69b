/** What must be done so that the kernel has the lab that the config asks for: data in, data out. */
import type { LabConfig, Machine } from './config.ts';
import { machinesOf } from './config.ts';
import { imageDoorName } from './image-door.ts';
import { attachScript, internetName } from './internet.ts';
import type { MachineState, ObservedLab } from './observed.ts';
import { renewAgentsScript } from './proxy-mode.ts';
import {
  bootScript,
  fstab,
  machineCgroup,
  removePortScript,
  removeSwitchScript,
  startScript,
  switchScript,
  type HostFacts,
} from './scripts.ts';
import { superviseScript } from './supervision.ts';

export type LabStep =
  | { readonly kind: 'end-machine'; readonly machine: string; readonly graceful: boolean; readonly reason: string }
  | { readonly kind: 'clear-machine'; readonly machine: string; readonly removePort: boolean; readonly reason: string }
  | { readonly kind: 'remove-switch'; readonly netns: boolean; readonly link: boolean; readonly reason: string }
  | { readonly kind: 'make-switch'; readonly reason: string }
  | { readonly kind: 'start-image-door' | 'start-internet'; readonly reason: string }
  | { readonly kind: 'start-machines'; readonly machines: readonly Machine[]; readonly reason: string }
  | { readonly kind: 'renew-agents'; readonly nodes: readonly string[]; readonly reason: string };

/** Steps of one kind that follow each other do not depend on each other. */
export type LabPlan = readonly LabStep[];

/** Everything stands and runs afterwards; nothing is touched that does already. Nodes start `waveSize` at a time. */
export function planUp(config: LabConfig, observed: ObservedLab, hasInternet: boolean, waveSize: number): LabPlan {
  const machines = machinesOf(config);
  const onSwitch = new Set([...machines.map(({ name }) => name), ...(hasInternet ? [internetName] : [])]);
  const isNew = observed.switch !== 'whole';
  const ends = [...observed.machines].flatMap(([name, state]) => {
    const reason = endReason(name, state, onSwitch.has(name), isNew);
    return reason === undefined ? [] : [end(name, reason)];
  });
  const gone = [...observed.machines].filter(
    ([name, state]) => name !== imageDoorName && (state !== 'running' || ends.some((step) => step.machine === name)),
  );
  const isMissing = (name: string): boolean => observed.machines.get(name) !== 'running';
  const missing = machines.filter(({ name }) => isNew || isMissing(name));
  return [
    ...ends,
    ...gone.map(([machine]) => clear(machine, !isNew, 'what a dead machine left')),
    ...(observed.switch === 'partial' ? [removeSwitch(observed, 'it is incomplete')] : []),
    ...(isNew ? [{ kind: 'make-switch', reason: 'there is none' } as const] : []),
    ...(isMissing(imageDoorName) ? [{ kind: 'start-image-door', reason: 'not running' } as const] : []),
    ...(hasInternet && (isNew || isMissing(internetName))
      ? [{ kind: 'start-internet', reason: 'not running' } as const]
      : []),
    ...inWaves(missing, waveSize).map(
      (wave) => ({ kind: 'start-machines', machines: wave, reason: 'not running' }) as const,
    ),
  ];
}

/** The first wave has everything but nodes, and as many of those as each of the others. */
function inWaves(machines: readonly Machine[], size: number): Machine[][] {
  const nodes = machines.filter(({ role }) => role === 'node');
  const waves = Array.from({ length: Math.ceil(nodes.length / size) }, (_, i) => nodes.slice(i * size, (i + 1) * size));
  const first = new Set(waves[0]);
  const wave = machines.filter((machine) => machine.role !== 'node' || first.has(machine));
  return wave.length === 0 ? [] : [wave, ...waves.slice(1)];
}

/** One part a wave, each to be carried out when the one before has settled. */
export function wavesOf(plan: LabPlan): LabPlan[] {
  const parts: LabStep[][] = [[]];
  for (const step of plan) {
    if (step.kind === 'start-machines' && parts.at(-1)?.at(-1)?.kind === 'start-machines') parts.push([]);
    parts.at(-1)?.push(step);
  }
  return parts.filter((part) => part.length > 0);
}

function endReason(name: string, state: MachineState, isOnSwitch: boolean, isNew: boolean): string | undefined {
  if (state === 'dead') return undefined;
  if (name === internetName && !isOnSwitch) return 'not wanted';
  if (name !== imageDoorName && !isOnSwitch) return 'no machine of this lab has this name';
  if (state === 'headless') return 'its supervisor is gone';
  return isNew && isOnSwitch ? 'its switch is gone' : undefined;
}

/** The agents of these nodes run as the config says afterwards. */
export function planRenewal(config: LabConfig, nodes: readonly string[]): LabPlan {
  const mode = config.kubeProxyMode ?? 'iptables';
  return nodes.length === 0 ? [] : [{ kind: 'renew-agents', nodes, reason: `kubeProxyMode is ${mode} now` }];
}

/** Nothing of the lab is left in the kernel afterwards. */
export function planRemoval(observed: ObservedLab, graceful: boolean): LabPlan {
  const alive = [...observed.machines].filter(([, state]) => state !== 'dead');
  return [
    ...alive.map(([machine]) => ({ kind: 'end-machine', machine, graceful, reason: 'the lab ends' }) as const),
    ...[...observed.machines.keys()].map((machine) => clear(machine, false, 'the lab ends')),
    ...(observed.switch === 'absent' ? [] : [removeSwitch(observed, 'the lab ends')]),
  ];
}

/** One machine runs afterwards; the switch must stand. */
export function planMachineStart(machine: Machine, observed: ObservedLab): LabPlan {
  const state = observed.machines.get(machine.name);
  if (state === 'running') return [];
  return [
    ...(state === 'headless' ? [end(machine.name, 'its supervisor is gone')] : []),
    ...(state !== undefined ? [clear(machine.name, true, 'what a dead machine left')] : []),
    { kind: 'start-machines', machines: [machine], reason: 'asked for' },
  ];
}

/** One machine is gone from the kernel afterwards. */
export function planMachineRemoval(observed: ObservedLab, machine: string, graceful: boolean): LabPlan {
  const state = observed.machines.get(machine);
  if (state === undefined) return [];
  return [
    ...(state === 'dead' ? [] : [{ kind: 'end-machine', machine, graceful, reason: 'asked for' } as const]),
    clear(machine, observed.switch === 'whole', 'asked for'),
  ];
}

function end(machine: string, reason: string): Extract<LabStep, { kind: 'end-machine' }> {
  return { kind: 'end-machine', machine, graceful: false, reason };
}

function clear(machine: string, removePort: boolean, reason: string): LabStep {
  return { kind: 'clear-machine', machine, removePort, reason };
}

function removeSwitch(observed: ObservedLab, reason: string): LabStep {
  return { kind: 'remove-switch', netns: observed.hasNetns, link: observed.hasLink, reason };
}

/** The script of a step that is one; undefined for steps that only write to control groups. */
export function scriptOf(step: LabStep, config: LabConfig, host: HostFacts): string | undefined {
  switch (step.kind) {
    case 'make-switch':
      return switchScript(config);
    case 'remove-switch':
      return removeSwitchScript(config.name, step);
    case 'start-image-door':
      return superviseScript(config.name, imageDoorName, host);
    case 'start-internet':
      return superviseScript(config.name, internetName, host);
    case 'start-machines':
      return startScript(config, step.machines, host);
    case 'renew-agents':
      return renewAgentsScript(config, step.nodes, host);
    case 'clear-machine':
      return step.removePort ? removePortScript(config.name, step.machine) : undefined;
    case 'end-machine':
      return undefined;
  }
}

/** The plan as text that a shell could run, each step with its reason. */
export function renderPlan(plan: LabPlan, config: LabConfig, host: HostFacts): string {
  const parts = plan.map((step) => {
    const title = `# ${step.kind}${'machine' in step ? ` ${step.machine}` : ''}: ${step.reason}`;
    const group = 'machine' in step ? machineCgroup(host.cgroupRoot, config.name, step.machine) : '';
    const lines = {
      'end-machine': [`echo 1 > ${group}/cgroup.kill`],
      'clear-machine': [`find ${group} -depth -type d -exec rmdir {} +`],
      'remove-switch': [],
      'make-switch': [],
      'start-image-door': [],
      'start-internet': [],
      'start-machines': [],
      'renew-agents': [],
    }[step.kind];
    const boots =
      step.kind === 'start-machines' ? step.machines.map((machine) => renderMachine(machine, config, host)) : [];
    const attach = step.kind === 'start-internet' ? [`\n# what it keeps alive:`, indent(attachScript(config))] : [];
    return [title, ...lines, scriptOf(step, config, host), ...boots, ...attach].filter(Boolean).join('\n');
  });
  return `${parts.join('\n\n')}\n`;
}

function renderMachine(machine: Machine, config: LabConfig, host: HostFacts): string {
  return [
    `\n# the boot script of ${machine.name}:`,
    indent(bootScript(config, machine, host)),
    `# and its fstab:`,
    indent(fstab(config, machine, host)),
  ].join('\n');
}

function indent(text: string): string {
  return text
    .trimEnd()
    .replaceAll(/^(?!$)/gm, '#   ')
    .replaceAll(/^$/gm, '#');
}
