/** What all handlers work with: made once, at start. */
import type { Logger } from '../api/logger.ts';
import type { Store } from '../store/contract.ts';
import type { ServiceAccountTokens } from './authn/service-account-tokens.ts';
import type { Authorizer } from './authz/index.ts';
import type { Kubelets } from './kubelets/connection.ts';
import type { Admission, AdmissionOfDeletes, Lookup, StrategyContext } from './resource.ts';
import type { ResourceRequest } from './request.ts';
import type { Registry } from './storage/registry.ts';

export interface Machinery {
  readonly store: Store;
  readonly registry: Registry;
  readonly lookup: Lookup;
  readonly admit: Admission;
  readonly admitDelete: AdmissionOfDeletes;
  readonly authorizer: Authorizer;
  readonly tokens: ServiceAccountTokens;
  readonly kubelets: Kubelets;
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
