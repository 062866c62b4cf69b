/** Address ranges of flags that take one, or one of each family, as stock components do. */
import { tryParseCIDR } from '../api/addresses.ts';
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
