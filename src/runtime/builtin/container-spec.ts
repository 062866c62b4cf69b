/** A container's config.json, from what the pod asks and what the image says. Pure. */
import type { ContainerConfig, Mount } from '../contract.ts';
import type { ImageConfig } from '../images/manifests.ts';
import { capabilitySet } from './capabilities.ts';
import {
  deviceRules,
  kernelMounts,
  maskedPaths,
  readonlyPaths,
  type OciLinux,
  type OciMount,
  type OciNamespace,
  type OciSpec,
} from './oci-spec.ts';
import type { ContainerUser } from './user.ts';

/** What this machine's kernel and our own rights allow. */
export interface HostAbilities {
  /** Capabilities that we may hand on. */
  readonly capabilities: readonly string[];
  /** Device rules can be set: on v2 that takes a BPF program, for which runtimes raise a limit (CAP_SYS_RESOURCE). */
  readonly deviceRules: boolean;
  /** cgroup namespaces are used on v2, as in the field. */
  readonly cgroupNamespace: boolean;
  /** Controllers that take limits; others are left out. */
  readonly controllers: readonly string[];
}

export interface ContainerSpecInput {
  readonly config: ContainerConfig;
  readonly image: ImageConfig;
  readonly user: ContainerUser;
  readonly hostname: string;
  readonly rootfs: string;
  readonly cgroupsPath: string;
  /** Namespaces to join by path; own ones (mount, pid) without. */
  readonly namespaces: readonly { readonly type: OciNamespace; readonly path?: string }[];
  /** What the sandbox brings: /etc/hostname, /etc/resolv.conf, /dev/shm. A mount of the pod at the same place wins. */
  readonly sandboxMounts: readonly Mount[];
  readonly host: HostAbilities;
}

const defaultPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const cpuPeriodMicros = 100_000;

/** Throws when neither the pod nor the image says what to run, and when it would be root but must not. */
export function containerSpec(input: ContainerSpecInput): OciSpec {
  const { config, image, user, host } = input;
  if (config.runAsNonRoot === true && user.uid === 0)
    throw new Error('container has runAsNonRoot and image will run as root');
  const capabilities = capabilitySet(config, grantable(host, config.privileged));
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: config.tty,
      user: {
        uid: user.uid,
        gid: user.gid,
        ...(user.additionalGids.length > 0 ? { additionalGids: user.additionalGids } : {}),
      },
      args: commandLine(config, image),
      env: environment(input),
      cwd: config.workingDir ?? (image.WorkingDir === undefined || image.WorkingDir === '' ? '/' : image.WorkingDir),
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      noNewPrivileges: config.noNewPrivileges === true,
    },
    root: { path: input.rootfs, readonly: config.readOnlyRootfs },
    mounts: [...kernelMounts({ privileged: config.privileged, cgroup: true }), ...podMounts(input)],
    linux: linuxPart(input),
  };
}

/** Without device rules whoever makes a device file reads and writes the host's disk by it. */
function grantable({ capabilities, deviceRules: areRuled }: HostAbilities, privileged: boolean): readonly string[] {
  return areRuled || privileged ? capabilities : capabilities.filter((name) => name !== 'CAP_MKNOD');
}

/** Kubernetes: `command` replaces ENTRYPOINT and CMD, `args` only CMD. */
export function commandLine(config: Pick<ContainerConfig, 'command' | 'args'>, image: ImageConfig): readonly string[] {
  const { command, args } = config;
  const rest = args.length > 0 || command.length > 0 ? args : (image.Cmd ?? []);
  const line = [...(command.length > 0 ? command : (image.Entrypoint ?? [])), ...rest];
  if (line.length === 0) throw new Error('neither the pod nor the image says which command to run');
  return line;
}

/** The image's variables, then the pod's; a later one of the same name wins in place. */
function environment({ config, image, user, hostname }: ContainerSpecInput): string[] {
  const variables = new Map<string, string>();
  const base = [defaultPath, ...(config.tty ? ['TERM=xterm'] : []), `HOSTNAME=${hostname}`, `HOME=${user.home}`];
  for (const pair of [...base, ...(image.Env ?? [])]) {
    const at = pair.indexOf('=');
    if (at > 0) variables.set(pair.slice(0, at), pair.slice(at + 1));
  }
  for (const { name, value } of config.env) variables.set(name, value);
  return [...variables].map(([name, value]) => `${name}=${value}`);
}

/** Parents before children, whatever the order they were written in. */
function podMounts({ config, sandboxMounts }: ContainerSpecInput): OciMount[] {
  const taken = new Set(config.mounts.map((mount) => mount.containerPath));
  const mounts = [...sandboxMounts.filter((mount) => !taken.has(mount.containerPath)), ...config.mounts];
  return mounts
    .toSorted((a, b) => a.containerPath.split('/').length - b.containerPath.split('/').length)
    .map(({ hostPath, containerPath, readOnly, propagation }) => ({
      destination: containerPath,
      type: 'bind',
      source: hostPath,
      options: ['rbind', propagation === undefined ? 'rprivate' : kindOf[propagation], readOnly ? 'ro' : 'rw'],
    }));
}

const kindOf = { HostToContainer: 'rslave', Bidirectional: 'rshared' } as const;

function rootPropagation({ mounts }: ContainerConfig): Pick<OciLinux, 'rootfsPropagation'> {
  const asked = new Set(mounts.map(({ propagation }) => propagation));
  const found = (['Bidirectional', 'HostToContainer'] as const).find((one) => asked.has(one));
  return found === undefined ? {} : { rootfsPropagation: kindOf[found] };
}

function linuxPart(input: ContainerSpecInput): OciLinux {
  const { config, host } = input;
  const namespaces =
    host.cgroupNamespace && !config.privileged ? [...input.namespaces, { type: 'cgroup' as const }] : input.namespaces;
  return {
    namespaces,
    cgroupsPath: input.cgroupsPath,
    ...rootPropagation(config),
    ...(config.privileged ? {} : { maskedPaths, readonlyPaths }),
    resources: { ...limits(config, host), ...deviceLimits(config, host) },
  };
}

function deviceLimits(config: ContainerConfig, host: HostAbilities): OciLinux['resources'] {
  if (!host.deviceRules) return {};
  return { devices: config.privileged ? [{ allow: true, access: 'rwm' }] : deviceRules };
}

function limits({ resources = {} }: ContainerConfig, host: HostAbilities): OciLinux['resources'] {
  const { memoryBytes, cpuShares, cpuQuotaMicros } = resources;
  const memory = memoryBytes !== undefined && memoryBytes > 0 && host.controllers.includes('memory');
  const cpu = host.controllers.includes('cpu') && (cpuShares !== undefined || cpuQuotaMicros !== undefined);
  return {
    ...(memory ? { memory: { limit: memoryBytes } } : {}),
    ...(cpu ? { cpu: cpuLimits(cpuShares, cpuQuotaMicros) } : {}),
  };
}

function cpuLimits(shares: number | undefined, quota: number | undefined): NonNullable<OciLinux['resources']>['cpu'] {
  return {
    ...(shares !== undefined ? { shares } : {}),
    ...(quota !== undefined && quota > 0 ? { quota, period: cpuPeriodMicros } : {}),
  };
}
