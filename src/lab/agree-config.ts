/** What a lab is to be: what it is already, what a person asks for now, and for a new one what the host has free. */
import { isDeepStrictEqual } from 'node:util';
import type { Exec } from '../kernel/exec.ts';
import { rangesInUse, routesOfHost } from '../kernel/preflight.ts';
import { checkConfig, defaultNodeMonitorGraceSeconds, LabError, rangeOf, type LabConfig } from './config.ts';
import { labNames, readLabFile, type LabFile } from './lab-file.ts';
import { kernelNames } from './places.ts';
import { chooseRanges, type Taken } from './ranges.ts';

/** Throws a LabError for what cannot be; reads the host's routes and the other labs' files only for a new lab. */
export async function agreeConfig(
  name: string,
  file: LabFile | undefined,
  wanted: Partial<LabConfig>,
  exec: Exec,
): Promise<LabConfig> {
  if (file !== undefined) return mergeConfig(file.config, wanted);
  for (const range of [wanted.nodeCIDR, wanted.podCIDR, wanted.serviceCIDR]) if (range !== undefined) rangeOf(range);
  const ranges = chooseRanges(wanted, await takenRanges(name, exec));
  return checkConfig({ nodes: [], ...wanted, ...ranges, name });
}

/** What is set once, when a lab is made. */
function refuseOtherSettings(config: LabConfig, wanted: Partial<LabConfig>): void {
  const { name } = config;
  const { nodeMonitorGraceSeconds: grace = defaultNodeMonitorGraceSeconds } = config;
  if ((wanted.nodeMonitorGraceSeconds ?? grace) !== grace)
    throw new LabError(
      `lab ${name} takes a node for dead after ${grace}s: podwire down first, then up with ${wanted.nodeMonitorGraceSeconds}s`,
    );
  const settled: readonly [what: string, has: string | number, wants: string | number | undefined][] = [
    ['segments', config.segments ?? 1, wanted.segments],
    ['pod network', config.podNetwork ?? 'the default one', wanted.podNetwork],
    ['dns', config.dns ?? 'on', wanted.dns],
  ];
  for (const [what, has, wants] of settled)
    if (wants !== undefined && wants !== has)
      throw new LabError(`lab ${name} has ${what} ${has}: podwire down first, then up with ${what} ${wants}`);
}

/** What exists wins: a person may only add nodes to it. Throws a LabError that says how to get what was asked for. */
export function mergeConfig(config: LabConfig, wanted: Partial<LabConfig>): LabConfig {
  const { name } = config;
  for (const field of ['nodeCIDR', 'podCIDR', 'serviceCIDR'] as const)
    if (wanted[field] !== undefined && wanted[field] !== config[field])
      throw new LabError(
        `lab ${name} has ${field} ${config[field]}: podwire down first, then up with ${wanted[field]}`,
      );
  refuseOtherSettings(config, wanted);
  const nodes = wanted.nodes ?? config.nodes;
  const dropped = config.nodes.filter((node) => !nodes.includes(node));
  if (dropped.length > 0)
    throw new LabError(`lab ${name} has more nodes than that: podwire node rm ${dropped.join(' ')} --name ${name}`);
  for (const node of config.nodes)
    if (wanted.nodeSettings !== undefined && !isDeepStrictEqual(wanted.nodeSettings[node], config.nodeSettings?.[node]))
      throw new LabError(
        `${node} of lab ${name} was made with other labels, taints or segment: change the first two by kubectl label | taint node ${node}`,
      );
  return checkConfig({ ...config, ...wanted, nodes, name });
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
