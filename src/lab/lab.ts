import { existsSync } from 'node:fs';
import { readdir, readFile, rm, rmdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Exec } from '../kernel/exec.ts';
import { agreeConfig } from './agree-config.ts';
import { applyPlan } from './apply.ts';
import {
  checkConfig,
  defaultConfig,
  LabError,
  machineNamed,
  machinesOf,
  nextNode,
  withoutNode,
  type WantedLab,
} from './config.ts';
import type { LabConfig, Machine } from './config.ts';
import { writeCredentials } from './credentials.ts';
import { internetRefusal, writeInternetFiles } from './internet.ts';
import { removeImageDoor, writeImageDoorFiles } from './image-door.ts';
import { readLabFile, requireLabFile, writeLabFile, type LabFile } from './lab-file.ts';
import { withLabLock, withRangesLock } from './lock.ts';
import { makeSharedFolders, writeMachineFiles } from './machine-files.ts';
import {
  firstProcess,
  observeLab,
  readHostFacts,
  startedProcess,
  type MachineState,
  type ObservedLab,
} from './observed.ts';
import { labPlaces, machinePlaces } from './places.ts';
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
import { nodesOfOtherMode } from './proxy-mode.ts';
import type { HostFacts } from './scripts.ts';
import type { Program, ServicesOf } from './services.ts';

/** An agent that starts has a core busy for half a second; many at once would all be slow, and the API server's callers give up. */
const waveSize = Math.max(4, 4 * availableParallelism());

export interface LabOptions {
  readonly name: string;
  readonly exec: Exec;
  readonly program: Program;
  readonly servicesOf: ServicesOf;
  /** Told after each stage of work. */
  report?(stage: string, durationMs: number): void;
  /** Waits until nodes that were started have little to do any more; the next wave of them comes then, also when it rejects. */
  settle?(nodes: readonly string[]): Promise<void>;
}

export interface MachineStatus extends Machine {
  readonly state: MachineState;
  /** Its first process, as the host numbers it. */
  readonly pid: number | undefined;
}

export interface LabStatus {
  readonly config: LabConfig;
  readonly switch: ObservedLab['switch'];
  readonly machines: readonly MachineStatus[];
}

/** Every verb takes the lab's lock while it changes anything, may be repeated, and rejects with a LabError for people. */
export interface Lab {
  /**
   * Makes or repairs the lab and returns which machines were started. `check` is called before anything is changed, when
   * the switch has to be made or the lab grows; what it throws ends the call. A config is needed only for a new lab.
   */
  up(wanted: WantedLab, check: (config: LabConfig) => Promise<void>): Promise<LabStart>;
  /** What `up` would do to the kernel, as a script. */
  dryRun(wanted: WantedLab): Promise<string>;
  /** Ends all machines and takes the lab out of the kernel; its state stays. False when nothing was there. */
  stop(): Promise<boolean>;
  /** As stop, and removes the state. False when nothing was there. */
  down(): Promise<boolean>;
  /** Undefined when there is no such lab. */
  status(): Promise<LabStatus | undefined>;
  startMachine(name: string): Promise<boolean>;
  stopMachine(name: string): Promise<boolean>;
  /** Adds the next free node and starts it. */
  addNode(): Promise<LabStart>;
  /** Ends a node and forgets it, its state included. `forget` is called before the lab's file is without it: cut short, all may be repeated. */
  removeNode(name: string, forget?: () => Promise<void>): Promise<void>;
  /** The arguments before a command that is to run inside a machine. */
  enter(machine: string): Promise<[string, ...string[]]>;
}

export interface LabStart {
  readonly config: LabConfig;
  readonly started: readonly string[];
  /** Why machines have no internet; undefined when they have. */
  readonly internetRefusal: string | undefined;
}

/** Nothing happens before a verb is called. Throws a LabError for a name that can be none. */
export function createLab(options: LabOptions): Lab {
  return new NamespaceLab(options);
}

class NamespaceLab implements Lab {
  readonly #options: LabOptions;
  readonly #name: string;

  constructor(options: LabOptions) {
    checkConfig({ ...defaultConfig, name: options.name, nodes: [] });
    this.#options = options;
    this.#name = options.name;
  }

  up(wanted: WantedLab, check: (config: LabConfig) => Promise<void>): Promise<LabStart> {
    return this.#locked(async (exec) => {
      const file = await readLabFile(this.#name);
      const host = await readHostFacts();
      const observed = await observeLab(this.#name, host);
      const agree = async (): Promise<LabConfig> => {
        const config = await agreeConfig(this.#name, file, wanted, exec);
        internetRefusal(config, host); // throws when it was asked for and cannot be: before anything is changed
        const isLarger = config.nodes.length > (file?.config.nodes.length ?? 0);
        if (observed.switch !== 'whole' || isLarger) await this.#stage('checks', () => check(config));
        if (!isDeepStrictEqual(file?.config, config)) await this.#writeLabFile(file, config);
        return config;
      };
      // Two new labs at once must not find the same ranges free.
      const config = await (file === undefined ? withRangesLock(agree) : agree());
      const plan = await this.#planUp(config, observed, host);
      if (plan.length === 0 && isDeepStrictEqual(file?.config, config)) return this.#start(plan, config, host, exec);
      await this.#write(file, config, host);
      return this.#start(plan, config, host, exec);
    });
  }

  async dryRun(wanted: WantedLab): Promise<string> {
    const config = await agreeConfig(this.#name, await readLabFile(this.#name), wanted, this.#options.exec);
    const host = await readHostFacts();
    return renderPlan(await this.#planUp(config, await observeLab(this.#name, host), host), config, host);
  }

  stop(): Promise<boolean> {
    return this.#locked(async (exec) => {
      const file = await readLabFile(this.#name).catch(() => undefined);
      const config = file?.config ?? { ...defaultConfig, name: this.#name, nodes: [] };
      const host = await readHostFacts();
      const plan = planRemoval(await observeLab(this.#name, host), true);
      await applyPlan(plan, config, host, exec);
      await removeImageDoor(this.#name);
      return plan.length > 0;
    });
  }

  down(): Promise<boolean> {
    return this.#locked(async (exec) => {
      const file = await readLabFile(this.#name).catch(() => undefined);
      const config = file?.config ?? { ...defaultConfig, name: this.#name, nodes: [] };
      const host = await readHostFacts();
      const plan = planRemoval(await observeLab(this.#name, host), false);
      await applyPlan(plan, config, host, exec);
      await removeImageDoor(this.#name);
      const { lab, config: labFile } = labPlaces(this.#name);
      const hadState = existsSync(lab);
      await refuseMountsBelow(lab);
      // lab.json last, or a `down` that is cut short leaves what only it tells of.
      await removeAllBut(lab, basename(labFile));
      if (file?.madeNetnsMount === true) await this.#removeNetnsMount(exec);
      await rm(lab, { recursive: true, force: true });
      return plan.length > 0 || hadState;
    });
  }

  async status(): Promise<LabStatus | undefined> {
    const file = await readLabFile(this.#name);
    if (file === undefined) return undefined;
    const host = await readHostFacts();
    const observed = await observeLab(this.#name, host);
    const machines = machinesOf(file.config).map(async (machine) => ({
      ...machine,
      state: observed.machines.get(machine.name) ?? ('absent' as const),
      pid: await firstProcess(host, this.#name, machine.name),
    }));
    return { config: file.config, switch: observed.switch, machines: await Promise.all(machines) };
  }

  startMachine(name: string): Promise<boolean> {
    return this.#locked(async (exec) => {
      const file = await requireLabFile(this.#name);
      const machine = machineNamed(file.config, name);
      const host = await readHostFacts();
      const observed = await observeLab(this.#name, host);
      if (observed.switch !== 'whole') throw new LabError(`lab ${this.#name} is stopped: podwire up starts it`);
      await writeMachineFiles(file.config, machine, host, this.#options.servicesOf);
      const plan = planMachineStart(machine, observed);
      await applyPlan(plan, file.config, host, exec);
      return plan.length > 0;
    });
  }

  stopMachine(name: string): Promise<boolean> {
    return this.#locked(async (exec) => {
      const { config } = await requireLabFile(this.#name);
      machineNamed(config, name);
      return this.#removeMachine(config, name, exec);
    });
  }

  addNode(): Promise<LabStart> {
    return this.#locked(async (exec) => {
      const file = await requireLabFile(this.#name);
      const config = checkConfig({ ...file.config, nodes: [...file.config.nodes, nextNode(file.config)] });
      const host = await readHostFacts();
      const observed = await observeLab(this.#name, host);
      await this.#write(file, config, host);
      // In a lab that is stopped it starts with the others.
      const hasInternet = internetRefusal(config, host) === undefined;
      return this.#start(
        observed.switch === 'whole' ? planUp(config, observed, hasInternet, waveSize) : [],
        config,
        host,
        exec,
      );
    });
  }

  removeNode(name: string, forget?: () => Promise<void>): Promise<void> {
    return this.#locked(async (exec) => {
      const file = await requireLabFile(this.#name);
      if (machineNamed(file.config, name).role !== 'node') throw new LabError(`${name} is not a node`);
      await this.#removeMachine(file.config, name, exec);
      const { folder } = machinePlaces(this.#name, name);
      await refuseMountsBelow(folder);
      await rm(folder, { recursive: true, force: true });
      await forget?.();
      await writeLabFile({ ...file, config: withoutNode(file.config, name) });
    });
  }

  async enter(machine: string): Promise<[string, ...string[]]> {
    const { config } = await requireLabFile(this.#name);
    machineNamed(config, machine);
    const pid = await startedProcess(await readHostFacts(), this.#name, machine);
    if (pid === undefined)
      throw new LabError(`${machine} of lab ${this.#name} is not running: podwire node start ${machine}`);
    return ['nsenter', `--target=${pid}`, '--mount', '--uts', '--ipc', '--net', '--pid', '--cgroup', '--'];
  }

  async #removeMachine(config: LabConfig, name: string, exec: Exec): Promise<boolean> {
    const host = await readHostFacts();
    const plan = planMachineRemoval(await observeLab(this.#name, host), name, true);
    await applyPlan(plan, config, host, exec);
    return plan.length > 0;
  }

  /** lab.json first: whatever is made after it, `down` finds. */
  async #write(file: LabFile | undefined, config: LabConfig, host: HostFacts): Promise<void> {
    const { program, servicesOf } = this.#options;
    await this.#writeLabFile(file, config);
    await this.#stage('certificates and files', () =>
      Promise.all([
        writeCredentials(config),
        writeImageDoorFiles(config.name, program),
        writeInternetFiles(config),
        ...machinesOf(config).map((machine) => writeMachineFiles(config, machine, host, servicesOf)),
      ]),
    );
  }

  async #writeLabFile(file: LabFile | undefined, config: LabConfig): Promise<void> {
    await makeSharedFolders();
    const madeNetnsMount =
      file?.madeNetnsMount ?? !(await readFile('/proc/self/mountinfo', 'utf8')).includes(' /run/netns ');
    await writeLabFile({ config, program: this.#options.program, madeNetnsMount });
  }

  async #planUp(config: LabConfig, observed: ObservedLab, host: HostFacts): Promise<LabPlan> {
    const plan = planUp(config, observed, internetRefusal(config, host) === undefined, waveSize);
    const stays = observed.switch === 'whole' ? await nodesOfOtherMode(config, observed, host) : [];
    return [...plan, ...planRenewal(config, stays)];
  }

  async #start(plan: LabPlan, config: LabConfig, host: HostFacts, exec: Exec): Promise<LabStart> {
    const started = plan.flatMap((step) =>
      step.kind === 'start-machines' ? step.machines.map(({ name }) => name) : [],
    );
    let running: string[] = [];
    for (const wave of wavesOf(plan)) {
      if (running.length > 0) await this.#options.settle?.(running).catch(() => undefined);
      const machines = wave.flatMap((step) => (step.kind === 'start-machines' ? step.machines : []));
      const what = running.length === 0 ? 'switch and machines' : `${machines.length} more machines`;
      await this.#stage(what, () => applyPlan(wave, config, host, exec));
      running = machines.filter(({ role }) => role === 'node').map(({ name }) => name);
    }
    return { config, started, internetRefusal: internetRefusal(config, host) };
  }

  /** `ip netns` bound /run/netns to itself; with no namespace left in it that can go. */
  async #removeNetnsMount(exec: Exec): Promise<void> {
    try {
      await rmdirIfMounted(exec);
    } catch {
      // Somebody else keeps a namespace there: it is theirs now.
    }
  }

  #locked<T>(work: (exec: Exec) => Promise<T>): Promise<T> {
    return withLabLock(this.#name, this.#options.exec, work);
  }

  async #stage<T>(name: string, work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    const result = await work();
    this.#options.report?.(name, performance.now() - start);
    return result;
  }
}

async function rmdirIfMounted(exec: Exec): Promise<void> {
  const mounts = await readFile('/proc/self/mountinfo', 'utf8');
  if (mounts.includes(' /run/netns/')) return;
  if (mounts.includes(' /run/netns ')) await exec.run({ argv: ['umount', '/run/netns'] });
  await rmdir('/run/netns');
}

async function removeAllBut(folder: string, kept: string): Promise<void> {
  const entries = (await readdir(folder).catch(() => [])).filter((entry) => entry !== kept);
  await Promise.all(entries.map((entry) => rm(join(folder, entry), { recursive: true, force: true })));
}

/** Removing a folder must never reach through a mount. */
async function refuseMountsBelow(folder: string): Promise<void> {
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').map((line) => line.split(' ')[4] ?? '');
  const found = mounts.find((mount) => mount.startsWith(`${folder}/`));
  if (found !== undefined) throw new LabError(`${found} is mounted: umount it, then repeat`);
}
