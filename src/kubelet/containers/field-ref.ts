/** What a pod may be told about itself: fieldRef and resourceFieldRef of env variables and downward volumes. Pure. */
import { parseQuantity } from '../../api/quantity.ts';
import type { Container, Pod, Quantity, ResourceFieldSelector } from '../../api/types.gen.ts';

/** What is true of the pod only once it has a sandbox. */
export interface PodAddresses {
  readonly podIPs: readonly string[];
  readonly hostIPs: readonly string[];
}

function lines(map: Readonly<Record<string, string>> | undefined): string {
  const entries = Object.entries(map ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join('\n');
}

/** The value of a fieldPath such as `metadata.name` or `metadata.labels['app']`; undefined for one that is not offered. */
export function fieldValue(pod: Pod, fieldPath: string, { podIPs, hostIPs }: PodAddresses): string | undefined {
  const keyed = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(fieldPath);
  if (keyed !== null) {
    const map = keyed[1] === 'labels' ? pod.metadata.labels : pod.metadata.annotations;
    return map?.[keyed[2] ?? ''] ?? '';
  }
  const values: Readonly<Record<string, () => string | undefined>> = {
    'metadata.name': () => pod.metadata.name,
    'metadata.namespace': () => pod.metadata.namespace,
    'metadata.uid': () => pod.metadata.uid,
    'metadata.labels': () => lines(pod.metadata.labels),
    'metadata.annotations': () => lines(pod.metadata.annotations),
    'spec.nodeName': () => pod.spec?.nodeName,
    'spec.serviceAccountName': () => pod.spec?.serviceAccountName,
    'status.podIP': () => podIPs[0],
    'status.podIPs': () => podIPs.join(','),
    'status.hostIP': () => hostIPs[0],
    'status.hostIPs': () => hostIPs.join(','),
  };
  const value = values[fieldPath];
  return value === undefined ? undefined : (value() ?? '');
}

/**
 * A container's request or limit, in whole divisors, rounded up. A limit that is not set is the node's allocatable amount.
 * Undefined when the container or the resource is not known.
 */
export function resourceValue(
  pod: Pod,
  ownContainer: string,
  selector: ResourceFieldSelector,
  allocatable: Readonly<Record<string, Quantity>>,
): string | undefined {
  const container = findContainer(pod, selector.containerName ?? ownContainer);
  const [, side, resource = ''] = /^(limits|requests)\.(.+)$/.exec(selector.resource) ?? [];
  if (container === undefined || side === undefined) return undefined;
  const { requests = {}, limits = {} } = container.resources ?? {};
  const amount =
    side === 'limits' ? (limits[resource] ?? allocatable[resource]) : (requests[resource] ?? limits[resource]);
  return inDivisors(amount ?? '0', selector.divisor ?? '1');
}

function findContainer(pod: Pod, name: string): Container | undefined {
  return [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])].find((each) => each.name === name);
}

/** Rounded up; a divisor of 0 means 1. */
function inDivisors(amount: Quantity, wanted: Quantity): string {
  const units = parseQuantity(amount).nano;
  const asked = parseQuantity(wanted).nano;
  const divisor = asked === 0n ? parseQuantity('1').nano : asked;
  return String((units + divisor - 1n) / divisor);
}
