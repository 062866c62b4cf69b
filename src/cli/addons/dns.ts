/** Cluster DNS of a lab: its image, its objects, and the wait until it answers. */
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient } from '../../api/client.ts';
import { deployments } from '../../api/resources.ts';
import type { Exec } from '../../kernel/exec.ts';
import { clusterDomain, LabError, type LabConfig, type Program } from '../../lab/index.ts';
import { makeProgramImage } from '../../runtime/images/program-image.ts';
import { openImages } from '../images.ts';
import { applyObjects } from './apply-objects.ts';
import { dnsName, dnsObjects } from './dns-objects.ts';

export interface DnsAddonOptions {
  readonly client: ApiClient;
  readonly exec: Exec;
  readonly program: Program;
  /** One a family. */
  readonly clusterIPs: readonly string[];
  /** Ranges of pods and Services. */
  readonly reverseCIDRs: readonly string[];
}

const maxReplicas = 2;
const lookMs = 50;
const usualWaitSeconds = 60;

/** The image of a bundle goes by the name of its folder, which tells its content. */
function imageName(script: string): string {
  return `docker.io/podwire/podwire:${basename(dirname(script))}`;
}

/** Makes the image of this program in the store of this machine, unless it is there. Answers its name. */
export async function ensureImage(exec: Exec, { node, script }: Program): Promise<string> {
  const images = openImages(exec);
  const name = imageName(script);
  if ((await images.imageStatus(name)) === undefined)
    await makeProgramImage({ images, exec, name, node, folder: dirname(script), entry: basename(script) });
  return name;
}

/** Whether this program can be an image: run from source it cannot. */
export function canBeImage({ script }: Program): boolean {
  return script.endsWith('.mjs');
}

/** Makes or updates it. Waits for the API server. Rejects when the image cannot be made or the server refuses. */
export async function installDns(
  { client, exec, program, clusterIPs, reverseCIDRs }: DnsAddonOptions,
  signal: AbortSignal,
): Promise<void> {
  const image = await ensureImage(exec, program);
  const objects = dnsObjects({ image, clusterIPs, domain: clusterDomain, reverseCIDRs });
  await applyObjects(client, objects, signal);
}

export interface DnsWait {
  /** The command of this lab, for what is said in vain. */
  readonly podwire: string;
  /** A minute when left out. */
  readonly waitSeconds: number | undefined;
  /** It runs on a node: its time counts from when they are there. */
  readonly nodesReady: Promise<void>;
}

/** Resolves when a replica is ready. Rejects with a LabError that says where to look, or when the signal fires. */
export async function waitForDns(
  client: ApiClient,
  { podwire, waitSeconds = usualWaitSeconds, nodesReady }: DnsWait,
  signal: AbortSignal,
): Promise<void> {
  const key = { namespace: 'kube-system', name: dnsName };
  await nodesReady;
  for (const end = Date.now() + waitSeconds * 1000; Date.now() < end; await sleep(lookMs, undefined, { signal })) {
    const deployment = await client.get(deployments, key).catch(() => undefined);
    const { readyReplicas = 0, observedGeneration } = deployment?.status ?? {};
    if (readyReplicas > 0 && observedGeneration === deployment?.metadata.generation) return;
  }
  throw new LabError(
    `cluster DNS is not ready after ${waitSeconds} s: ${podwire} kubectl -n kube-system describe pods -l k8s-app=kube-dns`,
  );
}

/** A second replica when there are nodes for it: made before all of them are Ready, both would stand on the first that is. */
export async function spreadDns(client: ApiClient, config: LabConfig): Promise<void> {
  const key = { namespace: 'kube-system', name: dnsName };
  const wanted = Math.min(maxReplicas, config.nodes.length);
  const { spec } = await client.get(deployments, key);
  if ((spec?.replicas ?? 1) < wanted)
    await client.patch(deployments, key, { spec: { replicas: wanted } }, { type: 'merge' });
}
