/** The process that holds a pod's namespaces: does nothing, reaps nothing it did not start, ends when killed. Pure. */
import type { PodSandboxConfig } from '../contract.ts';
import type { HostAbilities } from './container-spec.ts';
import { deviceRules, maskedPaths, readonlyPaths, type OciLinux, type OciSpec } from './oci-spec.ts';

/** Its program, as seen in its own root folder: catatonit of Debian, statically linked; `-P` makes it wait for ever. */
export const pauseCommand: readonly string[] = ['/pause', '-P'];

const nobody = 65_535;

export function pauseSpec(input: {
  readonly config: PodSandboxConfig;
  readonly root: string;
  readonly netns: string | undefined;
  readonly cgroupsPath: string;
  readonly host: HostAbilities;
}): OciSpec {
  const { config, host } = input;
  const sysctl = { ...(config.hostNetwork ? {} : openToUsers), ...config.sysctls };
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: { uid: nobody, gid: nobody },
      args: pauseCommand,
      env: [],
      cwd: '/',
      capabilities: { bounding: [], effective: [], permitted: [] },
      noNewPrivileges: true,
    },
    root: { path: input.root, readonly: true },
    ...(config.hostNetwork ? {} : { hostname: config.hostname }),
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755', 'size=64k'] },
    ],
    linux: {
      namespaces: namespaces(config, input.netns),
      cgroupsPath: input.cgroupsPath,
      ...(Object.keys(sysctl).length === 0 ? {} : { sysctl }),
      maskedPaths: maskedPaths.filter((path) => path.startsWith('/proc/')),
      readonlyPaths,
      resources: host.deviceRules ? { devices: deviceRules } : {},
    },
  };
}

/** As in the field: inside a pod's network nobody needs to be root for a low port or a ping. */
const openToUsers: Readonly<Record<string, string>> = {
  'net.ipv4.ip_unprivileged_port_start': '0',
  'net.ipv4.ping_group_range': '0 2147483647',
};

function namespaces(config: PodSandboxConfig, netns: string | undefined): OciLinux['namespaces'] {
  return [
    { type: 'mount' },
    { type: 'pid' },
    ...(netns === undefined ? [] : [{ type: 'network' as const, path: netns }]),
    ...(config.hostIPC === true ? [] : [{ type: 'ipc' as const }]),
    ...(config.hostNetwork ? [] : [{ type: 'uts' as const }]),
  ];
}

/** The namespaces of a container in that sandbox: the sandbox's own by path, and a mount and pid namespace for itself, unless all share that of the pause process. */
export function containerNamespaces(
  config: PodSandboxConfig,
  netns: string | undefined,
  pausePid: number,
): OciLinux['namespaces'] {
  const ofPause = <T extends 'ipc' | 'pid' | 'uts'>(type: T): { type: T; path: string } => ({
    type,
    path: `/proc/${pausePid}/ns/${type}`,
  });
  return [
    { type: 'mount' },
    ...(config.hostPID === true ? [] : [config.sharePID === true ? ofPause('pid') : { type: 'pid' as const }]),
    ...(netns === undefined ? [] : [{ type: 'network' as const, path: netns }]),
    ...(config.hostIPC === true ? [] : [ofPause('ipc')]),
    ...(config.hostNetwork ? [] : [ofPause('uts')]),
  ];
}
