/** What a Node is registered with, in the words of the stock kubelet's flags. */
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

const parts = (text: string): string[] => text.split(',').filter((part) => part !== '');
