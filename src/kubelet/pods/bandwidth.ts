/** Limits of bandwidth as a pod's annotations ask for them. Pure. */
import { compareQuantities, quantityValue } from '../../api/quantity.ts';
import type { PodNetworkNeeds } from '../../runtime/contract.ts';

export class BandwidthError extends Error {
  override readonly name = 'BandwidthError';
}

const directions = ['ingress', 'egress'] as const;

/** Upstream's bounds and words (pkg/util/bandwidth). */
function faultOf(text: string): string | undefined {
  try {
    if (compareQuantities(text, '1k') < 0) return 'resource is unreasonably small (< 1kbit)';
    if (compareQuantities(text, '1P') > 0) return 'resource is unreasonably large (> 1Pbit)';
    return undefined;
  } catch {
    return 'not a quantity';
  }
}

function limitOf(key: string, text: string): number {
  const fault = faultOf(text);
  if (fault !== undefined)
    throw new BandwidthError(`annotation ${key}: ${JSON.stringify(text.slice(0, 80))}: ${fault}`);
  return quantityValue(text);
}

/** Bits a second; nothing for a pod without these annotations. Throws a {@link BandwidthError} that names the one that is wrong. */
export function bandwidthNeeds(annotations: Readonly<Record<string, string>> = {}): Pick<PodNetworkNeeds, 'bandwidth'> {
  const limits = directions.flatMap((direction) => {
    const key = `kubernetes.io/${direction}-bandwidth`;
    const text = annotations[key];
    return text === undefined ? [] : [[direction, limitOf(key, text)] as const];
  });
  return limits.length === 0 ? {} : { bandwidth: Object.fromEntries(limits) };
}
