/** Looks whether everybody in a lab reaches everybody. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient } from '../../api/client.ts';
import { endpointSlices, events, networkPolicies, nodes, pods, services } from '../../api/resources.ts';
import type { Exec } from '../../kernel/exec.ts';
import { outsideAddress, type Lab } from '../../lab/index.ts';
import { chooseParties, waysOf, type Party } from './parties.ts';
import { probe } from './probes.ts';
import type { Evidence, Finding } from './report.ts';

export interface Examination {
  readonly parties: readonly Party[];
  readonly findings: readonly Finding[];
  readonly evidence: Evidence;
}

export interface ExamineOptions {
  readonly client: ApiClient;
  readonly exec: Exec;
  readonly lab: Lab;
  /** Pods of one node at most that take part. */
  readonly podsPerNode: number;
}

/** Of the short look at most so many ways are tried: some tenths of a second. */
const fewWays = 40;
const secondLookMs = 500;

/**
 * The short form: from the pods that are there, one of a node, and what fails once more a moment later, since rules of a node that just came
 * may still be on their way. Rejects when the API does not answer.
 */
export async function glance(options: Omit<ExamineOptions, 'podsPerNode'>): Promise<Examination> {
  const { parties, evidence } = await consider({ ...options, podsPerNode: 1 });
  const ways = waysOf(parties).filter(({ from }) => from.kind === 'pod');
  const enter = (node: string): Promise<readonly string[]> => options.lab.enter(node);
  const first = await probe(ways.slice(0, fewWays), options.exec, enter);
  const open = first.filter(({ problem }) => problem === undefined);
  if (open.length === first.length) return { parties, findings: first, evidence };
  await sleep(secondLookMs);
  const failed = first.filter(({ problem }) => problem !== undefined);
  return { parties, findings: [...open, ...(await probe(failed, options.exec, enter))], evidence };
}

/** Rejects when the API does not answer. */
export async function examine(options: ExamineOptions): Promise<Examination> {
  const { parties, evidence } = await consider(options);
  const findings = await probe(waysOf(parties), options.exec, (node) => options.lab.enter(node));
  return { parties, findings, evidence };
}

async function consider({ client, podsPerNode }: ExamineOptions): Promise<Omit<Examination, 'findings'>> {
  const [nodeList, podList, serviceList, sliceList, policyList, eventList] = await Promise.all([
    client.list(nodes),
    client.list(pods),
    client.list(services),
    client.list(endpointSlices),
    client.list(networkPolicies),
    client.list(events),
  ]);
  const objects = {
    nodes: nodeList.items,
    pods: podList.items,
    services: serviceList.items,
    endpointSlices: sliceList.items,
  };
  const parties = chooseParties(objects, podsPerNode, outsideAddress);
  const ofNodes = eventList.items.filter(({ involvedObject }) => involvedObject.kind === 'Node');
  return { parties, evidence: { nodes: nodeList.items, policies: policyList.items, events: ofNodes } };
}
