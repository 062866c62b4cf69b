/** The node that answers for a Service's address. Pure; the same facts give the same node. */
import { createHash } from 'node:crypto';
import { findCondition } from '../../api/conditions.ts';
import type { EndpointSlice, Node, Service } from '../../api/types.gen.ts';

/** Upstream's label for nodes that balancers leave out. */
const excludeLabel = 'node.kubernetes.io/exclude-from-external-load-balancers';

/** It may answer: it is ready, is not going, and nobody excluded it. */
export function canAnswer({ metadata, status }: Node): boolean {
  return (
    metadata.deletionTimestamp === undefined &&
    metadata.labels?.[excludeLabel] === undefined &&
    findCondition(status?.conditions, 'Ready')?.status === 'True'
  );
}

/** With policy Local only a node that has endpoints passes anything on: ready ones first, else those that still serve. */
function nodesWithEndpoints(slices: readonly EndpointSlice[], condition: 'ready' | 'serving'): Set<string> {
  const endpoints = slices.flatMap((slice) => slice.endpoints ?? []);
  const found = endpoints.filter(({ conditions }) => conditions?.[condition] ?? conditions?.ready ?? true);
  return new Set(found.flatMap(({ nodeName }) => nodeName ?? []));
}

/** Addresses spread over the nodes, and a node more or less moves few of them (rendezvous hashing). */
function weight(node: string, address: string): string {
  return createHash('sha256').update(`${node} ${address}`).digest('hex');
}

export interface Candidates {
  readonly nodes: readonly Node[];
  readonly slices: readonly EndpointSlice[];
}

/** `current` stays as long as it is as good as any other: a move cuts connections. Undefined when no node can answer. */
export function chooseNode(
  { spec }: Service,
  address: string,
  current: string | undefined,
  { nodes, slices }: Candidates,
): string | undefined {
  const able = nodes.filter(canAnswer).map(({ metadata }) => metadata.name ?? '');
  const local = spec?.externalTrafficPolicy === 'Local';
  const sets = local ? (['ready', 'serving'] as const).map((each) => nodesWithEndpoints(slices, each)) : [];
  const best = sets.map((set) => able.filter((node) => set.has(node))).find((each) => each.length > 0) ?? able;
  if (current !== undefined && best.includes(current)) return current;
  return best.toSorted((a, b) => (weight(a, address) < weight(b, address) ? -1 : 1))[0];
}
