/** What a lab is to be: what it is already, what a person asks for now, and for a new one what the host has free. */
import { isDeepStrictEqual } from 'node:util';
import type { Exec } from '../kernel/exec.ts';
import { rangesInUse, routesOfHost } from '../kernel/preflight.ts';
import {
  checkConfig,
  defaultNodeMonitorGraceSeconds,
  LabError,
  rangeOf,
  type LabConfig,
  type WantedLab,
} from './config.ts';
import { ipv6RangesFor } from './ipv6-ranges.ts';
import { labNames, readLabFile, type LabFile } from './lab-file.ts';
import { kernelNames } from './places.ts';
import { chooseRanges, type Taken } from './ranges.ts';

/** Throws a LabError for what cannot be; reads the host's routes and the other labs' files only for a new lab. */
export async function agreeConfig(
  name: string,
  file: LabFile | undefined,
  wanted: WantedLab,
  exec: Exec,
): Promise<LabConfig> {
  if (file !== undefined) return mergeConfig(file.config, wanted);
  for (const range of [wanted.nodeCIDR, wanted.podCIDR, wanted.serviceCIDR]) if (range !== undefined) rangeOf(range);
  const ranges = chooseRanges(wanted, await takenRanges(name, exec));
  return checkConfig({ nodes: [], ...othersOf(wanted), ...ranges, ...familiesOf(wanted, ranges.nodeCIDR), name });
}

/** All but the IPv6 ranges, of which a person may give some. */
function othersOf(wanted: WantedLab): Omit<WantedLab, 'ipv6'> {
  return Object.fromEntries(Object.entries(wanted).filter(([field]) => field !== 'ipv6'));
}

/** IPv6 ranges alone say that both families are wanted. */
function familiesOf({ ipFamily, ipv6 }: WantedLab, nodeCIDR: string): Pick<LabConfig, 'ipFamily' | 'ipv6'> {
  const family = ipFamily ?? (ipv6 === undefined ? 'ipv4' : 'dual');
  if (family !== 'ipv4') return { ipFamily: family, ipv6: { ...ipv6RangesFor(nodeCIDR), ...ipv6 } };
  if (ipv6 === undefined) return {};
  throw new LabError(`${Object.values(ipv6).join(', ')}: IPv6 ranges are for ipFamily ipv6 or dual`);
}

/** What is set once, when a lab is made. */
function refuseOtherSettings(config: LabConfig, wanted: WantedLab): void {
  const { name } = config;
  const { nodeMonitorGraceSeconds: grace = defaultNodeMonitorGraceSeconds } = config;
  if ((wanted.nodeMonitorGraceSeconds ?? grace) !== grace)
    throw new LabError(
      `lab ${name} takes a node for dead after ${grace}s: podwire down first, then up with ${wanted.nodeMonitorGraceSeconds}s`,
    );
  const settled: readonly [what: string, has: string | number, wants: string | number | undefined][] = [
    ['segments', config.segments ?? 1, wanted.segments],
    ['pod network', config.podNetwork ?? 'the default one', wanted.podNetwork],
    ['CNI configuration', config.cni ?? 'none', wanted.cni],
    ['dns', config.dns ?? 'on', wanted.dns],
  ];
  for (const [what, has, wants] of settled)
    if (wants !== undefined && wants !== has)
      throw new LabError(`lab ${name} has ${what} ${has}: podwire down first, then up with ${what} ${wants}`);
}

/** As above, of the families and their ranges. */
function refuseOtherFamilies({ name, ipFamily = 'ipv4', ipv6 }: LabConfig, wanted: WantedLab): void {
  if (wanted.ipFamily !== undefined && wanted.ipFamily !== ipFamily)
    throw new LabError(`lab ${name} is ${ipFamily}: podwire down first, then up with ipFamily ${wanted.ipFamily}`);
  for (const [purpose, range] of Object.entries(wanted.ipv6 ?? {}))
    if (ipv6?.[purpose as keyof typeof ipv6] !== range)
      throw new LabError(`lab ${name} has no range ${range}: podwire down first, then up with it`);
}

/** What exists wins: a person may only add nodes to it. Throws a LabError that says how to get what was asked for. */
export function mergeConfig(config: LabConfig, wanted: WantedLab): LabConfig {
  const { name } = config;
  for (const field of ['nodeCIDR', 'podCIDR', 'serviceCIDR'] as const)
    if (wanted[field] !== undefined && wanted[field] !== config[field])
      throw new LabError(
        `lab ${name} has ${field} ${config[field]}: podwire down first, then up with ${wanted[field]}`,
      );
  refuseOtherSettings(config, wanted);
  refuseOtherFamilies(config, wanted);
  const nodes = wanted.nodes ?? config.nodes;
  const dropped = config.nodes.filter((node) => !nodes.includes(node));
  if (dropped.length > 0)
    throw new LabError(`lab ${name} has more nodes than that: podwire node rm ${dropped.join(' ')} --name ${name}`);
  for (const node of config.nodes)
    if (wanted.nodeSettings !== undefined && !isDeepStrictEqual(wanted.nodeSettings[node], config.nodeSettings?.[node]))
      throw new LabError(
        `${node} of lab ${name} was made with other labels, taints or segment: change the first two by kubectl label | taint node ${node}`,
      );
  return checkConfig({ ...config, ...othersOf(wanted), nodes, name });
}

async function takenRanges(name: string, exec: Exec): Promise<Taken> {
  const names = (await labNames()).filter((each) => each !== name);
  // A lab whose file is damaged cannot start, so its ranges are free.
  const files = await Promise.all(names.map((each) => readLabFile(each).catch(() => undefined)));
  const routes = await routesOfHost(exec);
  return {
    labs: files.filter((file) => file !== undefined).map(({ config }) => config),
    isRouted: (range) => rangesInUse(routes, { range }, kernelNames(name).hostLink).length > 0,
  };
}
