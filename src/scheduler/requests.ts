/** What a pod asks of a node: resources and host ports. Pure. */
import { quantityMilliValue, quantityValue } from '../api/quantity.ts';
import type { Container, Pod, Quantity } from '../api/types.gen.ts';

/** Amounts by resource: CPU in thousandths, everything else in its own unit. */
export type Amounts = ReadonlyMap<string, number>;

export interface HostPort {
  /** `0.0.0.0` for all addresses. */
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

export interface Requests {
  readonly resources: Amounts;
  readonly hostPorts: readonly HostPort[];
}

/** CPU counts in thousandths. A quantity that cannot be read counts as 0: the API server has refused it long before. */
export function amountOf(resource: string, quantity: Quantity): number {
  try {
    return resource === 'cpu' ? quantityMilliValue(quantity) : quantityValue(quantity);
  } catch {
    return 0;
  }
}

/** A map of quantities as numbers. */
export function amountsOf(quantities: Readonly<Record<string, Quantity>> | undefined): Map<string, number> {
  return new Map(Object.entries(quantities ?? {}).map(([name, quantity]) => [name, amountOf(name, quantity)]));
}

function addTo(total: Map<string, number>, amounts: Amounts): void {
  for (const [name, amount] of amounts) total.set(name, (total.get(name) ?? 0) + amount);
}

function raiseTo(total: Map<string, number>, amounts: Amounts): void {
  for (const [name, amount] of amounts) total.set(name, Math.max(total.get(name) ?? 0, amount));
}

/**
 * The most the pod needs at any time: its containers and sidecars together, or an init container with the sidecars that
 * run by then, whichever is more; then its overhead (KEP-753, KEP-688).
 */
function resourcesOf(pod: Pod): Map<string, number> {
  const { containers = [], initContainers = [], overhead } = pod.spec ?? {};
  const requestsOf = (container: Container): Amounts => amountsOf(container.resources?.requests);
  const total = new Map<string, number>();
  for (const container of containers) addTo(total, requestsOf(container));
  const sidecars = new Map<string, number>();
  const starting = new Map<string, number>();
  for (const container of initContainers) {
    const atThisStep = new Map(sidecars);
    addTo(atThisStep, requestsOf(container));
    raiseTo(starting, atThisStep);
    if (container.restartPolicy === 'Always') addTo(sidecars, requestsOf(container));
  }
  addTo(total, sidecars);
  raiseTo(total, starting);
  addTo(total, amountsOf(overhead));
  return total;
}

function hostPortsOf(pod: Pod): HostPort[] {
  const { containers = [], initContainers = [], hostNetwork } = pod.spec ?? {};
  const sidecars = initContainers.filter(({ restartPolicy }) => restartPolicy === 'Always');
  return [...containers, ...sidecars].flatMap(({ ports = [] }) =>
    ports.flatMap(({ hostPort, containerPort, hostIP, protocol }) => {
      const port = hostNetwork === true ? (hostPort ?? containerPort) : (hostPort ?? 0);
      if (port === 0) return [];
      return [{ ip: hostIP === undefined || hostIP === '' ? '0.0.0.0' : hostIP, protocol: protocol ?? 'TCP', port }];
    }),
  );
}

export function requestsOf(pod: Pod): Requests {
  return { resources: resourcesOf(pod), hostPorts: hostPortsOf(pod) };
}
