/** What a runtime asks of a CNI plugin: variables and a configuration, as the front passes them on. Pure; input is hostile. */
import { createHash } from 'node:crypto';
import type { PodIdentity } from '../contract.ts';
import { podInterface } from '../names.ts';
import { CniError, cniCodes } from './errors.ts';

export const supportedVersions = ['0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const;
export type CniVersion = (typeof supportedVersions)[number];

const commands = ['ADD', 'DEL', 'CHECK', 'STATUS', 'GC', 'VERSION'] as const;
type CniCommand = (typeof commands)[number];

/** One that a runtime knows of, as GC has it. */
export interface ValidAttachment {
  readonly containerID: string;
  readonly ifname?: string;
}

/** The part of a configuration that we look at. */
export interface CniConfig {
  readonly cniVersion: CniVersion;
  readonly name: string;
  readonly prevResult?: {
    readonly ips?: readonly { readonly address?: string }[];
    readonly routes?: readonly { readonly gw?: string }[];
  };
  /** What the runtime passes on of the pod, by capability. */
  readonly runtimeConfig?: { readonly portMappings?: unknown; readonly bandwidth?: unknown };
  readonly 'cni.dev/valid-attachments'?: readonly ValidAttachment[];
}

export interface CniRequest {
  readonly command: CniCommand;
  readonly env: Readonly<Record<string, string>>;
  readonly config: CniConfig;
}

/** The version to answer in, also when the rest cannot be read. */
export function versionOf(text: string): string {
  const found = /"cniVersion"\s*:\s*"([\d.]{1,16})"/.exec(text)?.[1];
  return supportedVersions.find((one) => one === found) ?? '1.0.0';
}

/** `KEY=VALUE` each with a NUL behind it, one more NUL, the configuration. Throws when it is not so. */
export function splitMessage(message: string): { readonly env: Record<string, string>; readonly text: string } {
  const end = message.indexOf('\0\0');
  if (end < 0) throw new CniError(cniCodes.invalidEnvironment, 'the variables do not end');
  const env: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const pair of message.slice(0, end).split('\0')) {
    const at = pair.indexOf('=');
    if (at > 0) env[pair.slice(0, at)] = pair.slice(at + 1);
  }
  return { env, text: message.slice(end + 2) };
}

function configOf(text: string): CniConfig {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new CniError(cniCodes.decodingFailure, 'the network configuration is not JSON', String(error));
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new CniError(cniCodes.decodingFailure, 'the network configuration is not an object');
  const config = value as Partial<CniConfig>;
  const version = config.cniVersion ?? '0.3.0';
  if (!supportedVersions.includes(version))
    throw new CniError(
      cniCodes.incompatibleVersion,
      `cniVersion ${String(version).slice(0, 40)} is not supported`,
      `supported: ${supportedVersions.join(', ')}`,
    );
  return { ...config, cniVersion: version, name: String(config.name ?? '') };
}

/** The version that brought each verb; those that are not here were always there. */
const since: Partial<Record<CniCommand, CniVersion>> = { CHECK: '0.4.0', STATUS: '1.1.0', GC: '1.1.0' };

/** Throws a CniError that says what is wrong. */
export function parseRequest(message: string): CniRequest {
  const { env, text } = splitMessage(message);
  const command = commands.find((one) => one === env['CNI_COMMAND']);
  if (command === undefined)
    throw new CniError(cniCodes.invalidEnvironment, `CNI_COMMAND must be one of ${commands.join(', ')}`);
  const config = configOf(text);
  if (supportedVersions.indexOf(config.cniVersion) < supportedVersions.indexOf(since[command] ?? '0.3.0'))
    throw new CniError(cniCodes.incompatibleVersion, `cniVersion ${config.cniVersion} has no ${command}`);
  if (command !== 'VERSION' && !/^[A-Za-z0-9][\w.-]*$/.test(config.name))
    throw new CniError(cniCodes.invalidConfig, 'name of the network is missing, or is none');
  return { command, env, config };
}

export interface CniAttachment {
  readonly containerID: string;
  /** Missing at DEL when the namespace is gone. */
  readonly netns: string | undefined;
  readonly pod: PodIdentity;
}

/** Above every count of a kubelet's own: whoever has such a number was made by CNI. */
export const firstCniAttempt = 2 ** 31;

/** The number of a link: a pod's next sandbox may come before its last one has gone, and each has links of its own. */
export function attemptOf(containerID: string, ifname: string = podInterface): number {
  const key = ifname === podInterface ? containerID : `${containerID}/${ifname}`;
  return firstCniAttempt + (createHash('sha256').update(key).digest().readUInt32BE(0) >>> 1);
}

const invalid = (message: string): CniError => new CniError(cniCodes.invalidEnvironment, message);

/** `K8S_POD_NAME=web;K8S_POD_NAMESPACE=shop`. */
function podArgs(text: string): ReadonlyMap<string, string> {
  return new Map(text.split(';').map((pair): [string, string] => [pair.split('=')[0] ?? '', pair.split('=')[1] ?? '']));
}

/** What the kernel takes (15 bytes), of letters that mean nothing to `ip -batch`; `%d` would be a number of the kernel's choice. */
const ifnamePattern = /^\w[\w.-]{0,14}$/;

/** Who it is about. Throws a CniError for variables that are missing or make no sense. */
export function attachmentOf({ command, env }: CniRequest): CniAttachment {
  const {
    CNI_CONTAINERID: containerID = '',
    CNI_IFNAME: ifname = '',
    CNI_NETNS: netns = '',
    CNI_ARGS: args = '',
  } = env;
  if (!/^[A-Za-z0-9][\w.-]{0,255}$/.test(containerID)) throw invalid('CNI_CONTAINERID is missing or none');
  if (!ifnamePattern.test(ifname)) throw invalid('CNI_IFNAME must be the name of a link: 1 to 15 of A-Z a-z 0-9 _ . -');
  if (netns === '' ? command !== 'DEL' : !netns.startsWith('/'))
    throw invalid('CNI_NETNS must be the path of a namespace');
  const known = podArgs(args);
  const pod: PodIdentity = {
    namespace: known.get('K8S_POD_NAMESPACE') ?? 'cni',
    name: known.get('K8S_POD_NAME') ?? containerID.slice(0, 63),
    uid: known.get('K8S_POD_UID') ?? containerID,
    attempt: attemptOf(containerID, ifname),
    ...(ifname === podInterface ? {} : { ifname }),
  };
  return { containerID, netns: netns === '' ? undefined : netns, pod };
}
