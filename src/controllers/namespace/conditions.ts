/** What the status of a namespace on its way out tells. Pure. */
import { setCondition } from '../../api/conditions.ts';
import type { NamespaceCondition } from '../../api/types.gen.ts';

/** What is left in a namespace, by resource and by finalizer. */
export interface Remaining {
  readonly resources: ReadonlyMap<string, number>;
  readonly finalizers: ReadonlyMap<string, number>;
  /** Messages of deletes that failed. */
  readonly failures: readonly string[];
}

function listed(counts: ReadonlyMap<string, number>, text: (name: string, count: number) => string): string {
  return [...counts]
    .map(([name, count]) => text(name, count))
    .sort()
    .join(', ');
}

interface Finding {
  readonly type: string;
  readonly isBad: boolean;
  readonly bad: () => { reason: string; message: string };
  readonly good: { reason: string; message: string };
}

function findings({ resources, finalizers, failures }: Remaining): Finding[] {
  const instances = (name: string, count: number): string => `${name} has ${count} resource instances`;
  const holders = (name: string, count: number): string => `${name} in ${count} resource instances`;
  return [
    {
      type: 'NamespaceDeletionDiscoveryFailure',
      isBad: false,
      bad: () => ({ reason: '', message: '' }),
      good: { reason: 'ResourcesDiscovered', message: 'All resources successfully discovered' },
    },
    {
      type: 'NamespaceDeletionGroupVersionParsingFailure',
      isBad: false,
      bad: () => ({ reason: '', message: '' }),
      good: { reason: 'ParsedGroupVersions', message: 'All legacy kube types successfully parsed' },
    },
    {
      type: 'NamespaceDeletionContentFailure',
      isBad: failures.length > 0,
      bad: () => ({
        reason: 'ContentDeletionFailed',
        message: `Failed to delete all resource types, ${failures.length} remaining: ${[...failures].sort().join(', ')}`,
      }),
      good: { reason: 'ContentDeleted', message: 'All content successfully deleted, may be waiting on finalization' },
    },
    {
      type: 'NamespaceContentRemaining',
      isBad: resources.size > 0,
      bad: () => ({
        reason: 'SomeResourcesRemain',
        message: `Some resources are remaining: ${listed(resources, instances)}`,
      }),
      good: { reason: 'ContentRemoved', message: 'All content successfully removed' },
    },
    {
      type: 'NamespaceFinalizersRemaining',
      isBad: finalizers.size > 0,
      bad: () => ({
        reason: 'SomeFinalizersRemain',
        message: `Some content in the namespace has finalizers remaining: ${listed(finalizers, holders)}`,
      }),
      good: { reason: 'ContentHasNoFinalizers', message: 'All content-preserving finalizers finished' },
    },
  ];
}

/** The five conditions of a deletion under way. */
export function deletionConditions(
  current: readonly NamespaceCondition[] | undefined,
  remaining: Remaining,
  now: Date,
): NamespaceCondition[] {
  let conditions = [...(current ?? [])];
  for (const finding of findings(remaining)) {
    const facts = finding.isBad ? finding.bad() : finding.good;
    const condition = { type: finding.type, status: finding.isBad ? 'True' : 'False', ...facts };
    conditions = setCondition<NamespaceCondition>(conditions, condition, now);
  }
  return conditions;
}
