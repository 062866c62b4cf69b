/** Looks whether everybody in a lab reaches everybody. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient } from '../../api/client.ts';
import { endpointSlices, events, networkPolicies, nodes, pods, services } from '../../api/resources.ts';
import type { Exec } from '../../kernel/exec.ts';
import { outsideAddress, outsideAddress6, type Lab } from '../../lab/index.ts';
import { offloadNotes } from './offload.ts';
import { chooseParties, waysOf, type Party } from './parties.ts';
import { probe, type EnterNode } from './probes.ts';
import type { Evidence, Finding } from './report.ts';

export interface Examination {
  readonly parties: readonly Party[];
  readonly findings: readonly Finding[];
  readonly evidence: Evidence;
}

export interface ExamineOptions {
  readonly client: ApiClient;
  readonly exec: Exec;
  readonly lab: Pick<Lab, 'enter'>;
  /** Pods of one node at most that take part. */
  readonly podsPerNode: number;
}

/** Of the short look at most so many ways are tried: some tenths of a second. */
const fewWays = 60;
const lookAgainMs = 500;
/** Pods of a lab that was stopped come back within a second or two. */
const glanceMs = 4_000;

/**
 * The short form: from the pods that are there, one of a node. What fails is looked at anew for a while, pods and addresses too: a node
 * that just came has rules and pods still on their way. Rejects when the API does not answer.
 */
export async function glance(options: Omit<ExamineOptions, 'podsPerNode'>): Promise<Examination> {
  const end = performance.now() + glanceMs;
  for (;;) {
    const { parties, evidence } = await consider({ ...options, podsPerNode: 1 });
    const ways = waysOf(parties).filter(({ from }) => from.kind === 'pod');
    const findings = await probe(ways.slice(0, fewWays), options.exec, (node) => options.lab.enter(node));
    const allOpen = findings.every(({ problem }) => problem === undefined);
    if (allOpen || performance.now() > end) return { parties, findings, evidence };
    await sleep(lookAgainMs);
  }
}

/** `notes`: what no way shows, as nodes have found and mended it by themselves. Rejects when the API does not answer. */
export async function examine(options: ExamineOptions): Promise<Examination & { readonly notes: readonly string[] }> {
  const { parties, evidence } = await consider(options);
  const enter: EnterNode = (node) => options.lab.enter(node);
  const findings = await probe(waysOf(parties), options.exec, enter);
  const names = evidence.nodes.map(({ metadata: { name = '' } }) => name);
  const notes = await offloadNotes(options.exec, enter, names, evidence.events);
  return { parties, findings, evidence, notes };
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
  const parties = chooseParties(objects, podsPerNode, [outsideAddress, outsideAddress6]);
  const ofNodes = eventList.items.filter(({ involvedObject }) => involvedObject.kind === 'Node');
  return { parties, evidence: { nodes: nodeList.items, policies: policyList.items, events: ofNodes } };
}
