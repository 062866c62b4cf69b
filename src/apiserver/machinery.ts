/** What all handlers work with: made once, at start. */
import type { Logger } from '../api/logger.ts';
import type { Store } from '../store/contract.ts';
import type { Patience } from './admission/default-account.ts';
import type { ServiceAccountTokens } from './authn/service-account-tokens.ts';
import { isMaster, type Authorizer } from './authz/index.ts';
import type { Kubelets } from './kubelets/connection.ts';
import type { Admission, AdmissionOfDeletes, Lookup, Permissions, StrategyContext } from './resource.ts';
import type { ResourceRequest, User } from './request.ts';
import type { Registry } from './storage/registry.ts';

export interface Machinery {
  readonly store: Store;
  readonly registry: Registry;
  readonly lookup: Lookup;
  /** Before the admission of what is created. */
  readonly patience: Patience;
  readonly admit: Admission;
  readonly admitDelete: AdmissionOfDeletes;
  readonly authorizer: Authorizer;
  readonly tokens: ServiceAccountTokens;
  readonly kubelets: Kubelets;
  /** Whether `proxy` may go to an address that nobody else on the network could reach (loopback, link-local). */
  readonly mayProxyTo: (address: string) => boolean;
  readonly logger: Logger;
  readonly now: () => Date;
}

function permissionsOf({ authorizer }: Machinery, user: User): Permissions {
  return {
    isMaster: isMaster(user),
    allows: (asked) => authorizer.authorize({ ...asked, user, subresource: '' }).allowed,
    rules: (namespace) => authorizer.rulesOf(user, namespace).rules,
    rulesOfRole: (reference, namespace) => authorizer.rulesOfRole(reference, namespace),
  };
}

/** What a strategy is told of the request. */
export function contextOf(
  machinery: Machinery,
  { user, dryRun, subresource }: Pick<ResourceRequest, 'user' | 'dryRun'> & { readonly subresource: string },
): StrategyContext {
  const permissions = permissionsOf(machinery, user);
  return { user, permissions, subresource, dryRun, now: machinery.now(), lookup: machinery.lookup };
}
