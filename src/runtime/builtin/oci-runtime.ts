import { closeSync, constants, existsSync, openSync, rmSync, writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { availableControllers, type CgroupLayout } from '../../kernel/cgroup.ts';
import type { Exec } from '../../kernel/exec.ts';
import { capabilitiesIn } from './capabilities.ts';
import type { HostAbilities } from './container-spec.ts';

/** The program that makes containers, and how it is called. */
export interface OciRuntime {
  readonly name: 'crun' | 'runc';
  readonly path: string;
  /** Before the verb, in every call. */
  readonly globalArgs: readonly string[];
  /** Where it keeps its own state: a folder a container. */
  readonly root: string;
}

const searchPath = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** crun is the lighter one; it knows no hybrid control groups, runc does. Throws when what is needed is not installed. */
export function chooseOciRuntime(layout: CgroupLayout, root: string, wanted?: 'crun' | 'runc'): OciRuntime {
  const names =
    wanted === undefined ? (layout.mode === 'hybrid' ? ['runc' as const] : (['crun', 'runc'] as const)) : [wanted];
  for (const name of names) {
    const path = searchPath.map((folder) => join(folder, name)).find((candidate) => existsSync(candidate));
    if (path === undefined) continue;
    const globalArgs = ['--root', root, ...(name === 'crun' ? ['--cgroup-manager=cgroupfs'] : [])];
    return { name, path, globalArgs, root };
  }
  throw new Error(
    `${names.join(' or ')} is not installed (control groups here are ${layout.mode}): apt-get install ${names.join(' ')}`,
  );
}

/** Reads what this kernel, and our own rights in it, allow. */
export async function probeHost(layout: CgroupLayout): Promise<HostAbilities> {
  const status = await readFile('/proc/self/status', 'utf8');
  const v2 = layout.mode === 'v2';
  return {
    capabilities: capabilitiesIn(status, 'CapBnd'),
    deviceRules: !v2 || capabilitiesIn(status, 'CapEff').includes('CAP_SYS_RESOURCE'),
    cgroupNamespace: v2,
    controllers: v2 ? await availableControllers(layout) : ['cpu', 'memory'],
  };
}

/**
 * Lets a created container run. crun's process waits for a byte in a pipe beside its state, which is all that `crun start` writes:
 * we write it ourselves and save a spawn. Whatever is unlike that goes through the program.
 */
export async function startCreated(runtime: OciRuntime, exec: Exec, id: string): Promise<void> {
  if (runtime.name === 'crun' && openGate(join(runtime.root, id, 'exec.fifo'))) return;
  await exec.run({ argv: [runtime.path, ...runtime.globalArgs, 'start', id] });
}

/** Without blocking: with nobody at the other end it fails, and the program says why. */
function openGate(fifo: string): boolean {
  try {
    const gate = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
    rmSync(fifo); // the program takes "created" from its being there
    writeSync(gate, Buffer.alloc(1));
    closeSync(gate);
    return true;
  } catch (error) {
    if (existsSync(fifo)) return false;
    throw error;
  }
}
