/** Where nodes stand, and how much of the cluster's CPU is there. Pure. */
import { findCondition } from '../../api/conditions.ts';
import { quantityMilliValue } from '../../api/quantity.ts';
import type { Node, Service } from '../../api/types.gen.ts';

const zoneLabel = 'topology.kubernetes.io/zone';

/** The zone of a node, when it is known. */
export function zoneOf(node: Node | undefined): string | undefined {
  const zone = node?.metadata.labels?.[zoneLabel];
  return zone === '' ? undefined : zone;
}

/** Share of the cluster's CPU by zone; undefined when a node does not tell, or there is one zone only. */
export type ZoneShares = ReadonlyMap<string, number> | undefined;

const controlPlaneLabels = ['node-role.kubernetes.io/control-plane', 'node-role.kubernetes.io/master'];

export function isAuto({ metadata: { annotations = {} } }: Service): boolean {
  const mode =
    annotations['service.kubernetes.io/topology-mode'] ?? annotations['service.kubernetes.io/topology-aware-hints'];
  return mode === 'Auto' || mode === 'auto';
}

export function zoneShares(nodes: readonly Node[]): ZoneShares {
  const cpus = new Map<string, number>();
  for (const node of nodes) {
    if (controlPlaneLabels.some((label) => node.metadata.labels?.[label] !== undefined)) continue;
    if (findCondition(node.status?.conditions, 'Ready')?.status !== 'True') continue;
    const [zone, cpu] = [zoneOf(node), quantityMilliValue(node.status?.allocatable?.['cpu'] ?? '0')];
    if (zone === undefined || cpu === 0) return undefined;
    cpus.set(zone, (cpus.get(zone) ?? 0) + cpu);
  }
  if (cpus.size < 2) return undefined;
  const total = [...cpus.values()].reduce((sum, cpu) => sum + cpu, 0);
  return new Map([...cpus].map(([zone, cpu]) => [zone, cpu / total]));
}

/** All that {@link zoneShares} reads of a node, as one text. */
export function shareOf(node: Node | undefined): string {
  const ready = findCondition(node?.status?.conditions, 'Ready')?.status === 'True';
  return JSON.stringify([zoneOf(node), ready, ready ? node?.status?.allocatable?.['cpu'] : undefined]);
}
