/** What all handlers work with: made once, at start. */
import type { Logger } from '../api/logger.ts';
import type { Store } from '../store/contract.ts';
import type { Admission, AdmissionOfDeletes, Lookup, StrategyContext } from './resource.ts';
import type { ResourceRequest } from './request.ts';
import type { Registry } from './storage/registry.ts';

export interface Machinery {
  readonly store: Store;
  readonly registry: Registry;
  readonly lookup: Lookup;
  readonly admit: Admission;
  readonly admitDelete: AdmissionOfDeletes;
  readonly logger: Logger;
  readonly now: () => Date;
}

/** What a strategy is told of the request. */
export function contextOf(
  machinery: Machinery,
  { user, dryRun }: Pick<ResourceRequest, 'user' | 'dryRun'>,
): StrategyContext {
  return { user, dryRun, now: machinery.now(), lookup: machinery.lookup };
}
