/** Where a lab keeps its things, on the host and inside its machines. */
import { join } from 'node:path';

const stateRoot = '/var/lib/podwire';

/** Folder of all labs. */
export const labsFolder = join(stateRoot, 'labs');
/** One image store for every node of the machine; `down` keeps it. */
export const imageFolder = join(stateRoot, 'images');

/** Held by whoever changes that lab; in a folder that only root may enter, gone with a reboot. */
export function lockPath(lab: string): string {
  return join('/run/podwire/labs', `${lab}.lock`);
}

/** Paths as seen inside a machine. */
export const inside = {
  controlPlane: '/var/lib/podwire/control-plane',
  agent: '/var/lib/podwire/agent',
  images: imageFolder,
  machine: '/var/lib/podwire/machine',
  services: '/run/service',
  logs: '/var/log/podwire',
  podLogs: '/var/log/pods',
  manifests: '/var/lib/podwire/manifests',
} as const;

export interface LabPlaces {
  readonly lab: string;
  readonly config: string;
  readonly pki: string;
  readonly kubeconfig: string;
}

export function labPlaces(name: string): LabPlaces {
  const lab = join(labsFolder, name);
  return {
    lab,
    config: join(lab, 'lab.json'),
    pki: join(lab, 'pki'),
    kubeconfig: join(lab, 'kubeconfig'),
  };
}

export interface MachinePlaces {
  readonly folder: string;
  /** Becomes its /var/lib. */
  readonly lib: string;
  /** Becomes its /var/log. */
  readonly log: string;
  /** Files that stand in the place of the host's, below `lib`. */
  readonly etc: string;
  /** Below `lib`; copied to its /run/service. */
  readonly services: string;
  readonly boot: string;
  /** Its mounts. */
  readonly fstab: string;
  /** What its first process prints. */
  readonly console: string;
}

export function machinePlaces(lab: string, machine: string): MachinePlaces {
  const folder = join(labsFolder, lab, 'machines', machine);
  return {
    folder,
    lib: join(folder, 'lib'),
    log: join(folder, 'log'),
    etc: join(folder, 'lib', 'podwire', 'machine', 'etc'),
    services: join(folder, 'lib', 'podwire', 'machine', 'service'),
    boot: join(folder, 'boot'),
    fstab: join(folder, 'fstab'),
    console: join(folder, 'log', 'podwire', 'console.log'),
  };
}

/** Names that a lab gives to things in the host's kernel. */
export function kernelNames(lab: string): {
  readonly switchNetns: string;
  readonly hostLink: string;
  readonly alias: string;
  /** What the host's link says until all of the switch stands. */
  readonly unfinished: string;
} {
  const alias = `podwire/lab/${lab}`;
  return { switchNetns: `${lab}-switch`, hostLink: `pw-${lab}`, alias, unfinished: `${alias}/unfinished` };
}

/** The bridge of a segment, inside the switch's namespace. */
export function segmentBridge(segment: number): string {
  return segment === 1 ? 'switch' : `switch${segment}`;
}

/** What both ends of a machine's link to the switch say. */
export function machineAlias(lab: string, machine: string): string {
  return `${kernelNames(lab).alias}/${machine}`;
}
