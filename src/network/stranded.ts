/** Which pods have addresses that are none of the node's any more. Pure. */
import { contains, formatCIDR, type Cidr } from '../api/addresses.ts';
import type { AdoptedPod } from './plan-pod.ts';

/** Names in one sentence. */
const maxNames = 10;

/**
 * What to tell about them; undefined when there are none. The API forbids another pod CIDR for a Node that has one, and a second of the same
 * family; but a Node can be deleted and made again. Then the bridge and the routes of all nodes follow, and pods from before are reached by nobody.
 */
export function strandedText(pods: readonly AdoptedPod[], podCIDRs: readonly Cidr[]): string | undefined {
  const stranded = pods.filter(({ ips }) => ips.some((ip) => !podCIDRs.some((cidr) => contains(cidr, ip))));
  if (stranded.length === 0) return undefined;
  const names = stranded.slice(0, maxNames).map(({ pod, ips }) => `${pod} (${ips.join(', ')})`);
  const more = stranded.length > maxNames ? ` and ${stranded.length - maxNames} more` : '';
  const ranges = podCIDRs.map(formatCIDR).join(', ');
  return `the node's pod CIDR is ${ranges} now: ${names.join(', ')}${more} cannot be reached any more, delete these pods`;
}
