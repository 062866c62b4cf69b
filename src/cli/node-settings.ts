/** What a node is told by the words of the stock kubelet's flags. */
import { quantityValue, tryParseQuantity } from '../api/quantity.ts';
import type { Taint } from '../api/types.gen.ts';
import { UsageError } from './errors.ts';

/** `key=value,key=`; a key without `=` has an empty value. */
export function parseNodeLabels(text: string): Record<string, string> {
  return Object.fromEntries(
    parts(text).map((part) => {
      const [key = '', value = '', ...rest] = part.split('=');
      if (key === '' || rest.length > 0) throw new UsageError(`--node-labels: "${part}" is not key=value`);
      return [key, value];
    }),
  );
}

/** `key=value:effect,key:effect`. */
export function parseTaints(text: string): Taint[] {
  return parts(text).map((part) => {
    const found = /^([^=:]+)(?:=([^=:]*))?:(NoSchedule|PreferNoSchedule|NoExecute)$/.exec(part);
    const [, key, value, effect] = found ?? [];
    if (key === undefined || effect === undefined)
      throw new UsageError(`--register-with-taints: "${part}" is not key=value:effect`);
    return { key, ...(value === undefined || value === '' ? {} : { value }), effect };
  });
}

/** How long a container's log gets: a quantity as `10Mi`, and a number of files. */
export function parseLogLimits(size: string, maxFiles: number): { maxBytes: number; maxFiles: number } {
  const maxBytes = tryParseQuantity(size) === undefined ? 0 : quantityValue(size);
  if (maxBytes <= 0) throw new UsageError(`--container-log-max-size: "${size}" is no size: 10Mi, 500k, …`);
  if (!Number.isInteger(maxFiles) || maxFiles < 2)
    throw new UsageError(`--container-log-max-files: ${maxFiles} is too few: 2 or more`);
  return { maxBytes, maxFiles };
}

const parts = (text: string): string[] => text.split(',').filter((part) => part !== '');
