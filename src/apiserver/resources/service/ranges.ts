/** What other objects say about the addresses of Services: open ranges, and addresses that somebody else holds. */
import { ipAddresses, serviceCIDRs } from '../../../api/resources.ts';
import { isConditionTrue } from '../../../api/conditions.ts';
import { managedByLabel, serviceAddressManager } from '../../../api/service-addresses.ts';
import type { Lookup } from '../../resource.ts';

/** Ranges of the ServiceCIDRs that are ready and stay. */
export function openRanges(lookup: Lookup): readonly string[] {
  const open = lookup
    .list(serviceCIDRs)
    .filter(({ metadata, status }) => !metadata.deletionTimestamp && isConditionTrue(status?.conditions, 'Ready'));
  return [...new Set(open.flatMap(({ spec }) => spec?.cidrs ?? []))];
}

/** Held by an IPAddress that does not only repeat what a Service says. */
export function isReserved(lookup: Lookup, address: string): boolean {
  const holder = lookup.get(ipAddresses, { name: address });
  return holder !== undefined && holder.metadata.labels?.[managedByLabel] !== serviceAddressManager;
}
