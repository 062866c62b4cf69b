/** The wait at the end of `up`, and what to say when it is in vain. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ApiClient } from '../api/client.ts';
import { LabError, machinePlaces, waitForNodes, type Lab, type LabConfig } from '../lab/index.ts';
import type { Stages } from './stages.ts';

/** For one that comes up within seconds. */
export const usualWaitSeconds = 60;
const secondsPerNode = 2;
const waveLimitMs = 20_000;
const lookMs = 500;
/** Of more nodes than these, a line for each would be too many. */
const fewNodes = 8;

export interface ReadyOptions {
  readonly lab: Lab;
  readonly config: LabConfig;
  readonly client: ApiClient;
  readonly stages: Stages;
  /** Which machines were started, and when. */
  readonly started: readonly string[];
  readonly since: Date;
  /** How long it may take; left out, what is usual for so many nodes. */
  readonly waitSeconds?: number | undefined;
}

/** Waits for a wave of nodes, for a while: what it is in vain for is told at the end of `up`. */
export async function settleNodes(client: ApiClient, nodes: readonly string[], since: Date): Promise<void> {
  try {
    await waitForNodes(client, nodes, { signal: AbortSignal.timeout(waveLimitMs), since, restarted: nodes });
  } finally {
    client.close();
  }
}

/** Rejects with a LabError that shows the end of a log: of a machine that died, or of a node that does not become Ready. */
export async function waitUntilReady(options: ReadyOptions): Promise<void> {
  const { lab, config, client, stages, started, since } = options;
  const wait = new AbortController();
  let dead: string | undefined;
  const look = async (): Promise<void> => {
    const machines = (await lab.status())?.machines.filter(({ role }) => role !== 'outside');
    dead = machines?.find(({ state }) => state !== 'running')?.name;
    if (dead !== undefined) wait.abort();
  };
  const timer = setInterval(() => void look().catch(() => undefined), lookMs);
  const { waitSeconds = usualWaitSeconds + secondsPerNode * config.nodes.length } = options;
  const limit = setTimeout(() => wait.abort(), waitSeconds * 1000);
  let ready = 0;
  const total = config.nodes.length;
  const tell = (node: string): void => {
    ready += 1;
    if (total <= fewNodes) stages.mark(`${node} Ready`);
    else if (ready % fewNodes === 0 || ready === total) stages.mark(`${ready} of ${total} nodes Ready`);
  };
  try {
    const missing = await waitForNodes(client, config.nodes, {
      signal: wait.signal,
      since,
      restarted: started,
      onAnswer: () => stages.mark('API server answers'),
      onReady: tell,
    });
    const blame = dead ?? missing[0];
    if (blame !== undefined)
      throw new LabError(await explainMissing(config, blame, dead === undefined ? waitSeconds : undefined));
  } finally {
    clearInterval(timer);
    clearTimeout(limit);
    client.close();
  }
}

/** `waited` is undefined for a machine that died. */
async function explainMissing(config: LabConfig, machine: string, waited: number | undefined): Promise<string> {
  const { log } = machinePlaces(config.name, machine);
  const what = waited === undefined ? `${machine} died` : `${machine} is not Ready after ${waited} s`;
  const tails = await Promise.all([
    tail(join(log, 'podwire', 'agent', 'current')),
    tail(join(machinePlaces(config.name, 'control-plane').log, 'podwire', 'control-plane', 'current')),
    tail(join(log, 'podwire', 'console.log')),
  ]);
  const shown = tails.filter((text) => text !== '').join('\n');
  return `${what}. The ends of its logs:\n${shown}\nMore: podwire node logs ${machine} --name ${config.name}`;
}

async function tail(path: string): Promise<string> {
  const lines = (await readFile(path, 'utf8').catch(() => '')).trimEnd().split('\n').slice(-8);
  return lines.join('\n') === '' ? '' : [`--- ${path}`, ...lines].join('\n');
}
