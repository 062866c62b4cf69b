/** Address ranges of flags that take one, or one of each family, as stock components do. */
import { tryParseCIDR } from '../api/addresses.ts';
import type { LoadBalancerRange } from '../controllers/index.ts';
import { UsageError } from './errors.ts';

/** `10.45.0.0/16` or `10.45.0.0/16,fd00:45::/48`: the first is the default family. Throws a UsageError that names the flag. */
export function parseCIDRs(flag: string, text: string): readonly string[] {
  const parts = text === '' ? [] : text.split(',').map((part) => part.trim());
  const families = parts.map((part) => {
    const cidr = tryParseCIDR(part);
    if (cidr === undefined) throw new UsageError(`--${flag}: "${part}" is not an address range`);
    return cidr.family;
  });
  if (new Set(families).size < families.length)
    throw new UsageError(`--${flag}: ${text} has two ranges of one family; give one range, or one IPv4 and one IPv6`);
  return parts;
}

/**
 * `10.44.0.112/28@10.44.0.0/25;10.44.0.240/28@10.44.0.128/25`: addresses for load balancers, and behind an @ where the nodes that can answer
 * for them have their own; one a family each. Throws a UsageError that names the flag.
 */
export function parseLoadBalancerRanges(flag: string, text: string): readonly LoadBalancerRange[] {
  return (text === '' ? [] : text.split(';')).map((part) => {
    const [cidrs = '', nodes, ...more] = part.split('@');
    if (cidrs === '' || nodes === '' || more.length > 0)
      throw new UsageError(`--${flag}: "${part}" is not RANGES or RANGES@NODES`);
    return { cidrs: parseCIDRs(flag, cidrs), ...(nodes === undefined ? {} : { nodes: parseCIDRs(flag, nodes) }) };
  });
}
