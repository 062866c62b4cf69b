/** A pod's quality-of-service class. Pure. */
import { compareQuantities } from '../../api/quantity.ts';
import type { Container, Pod, Quantity } from '../../api/types.gen.ts';

const counted = ['cpu', 'memory'] as const;

function isZero(value: Quantity | undefined): boolean {
  return value === undefined || compareQuantities(value, '0') === 0;
}

function asksNothing({ resources }: Container): boolean {
  return counted.every((name) => isZero(resources?.requests?.[name]) && isZero(resources?.limits?.[name]));
}

function isGuaranteed({ resources }: Container): boolean {
  return counted.every((name) => {
    const limit = resources?.limits?.[name];
    if (limit === undefined || isZero(limit)) return false;
    return compareQuantities(resources?.requests?.[name] ?? limit, limit) === 0;
  });
}

/** `BestEffort`: nothing asked for; `Guaranteed`: limits for CPU and memory everywhere, equal to the requests. */
export function qosClassOf(pod: Pod): 'BestEffort' | 'Burstable' | 'Guaranteed' {
  const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  if (containers.every(asksNothing)) return 'BestEffort';
  return containers.every(isGuaranteed) ? 'Guaranteed' : 'Burstable';
}
