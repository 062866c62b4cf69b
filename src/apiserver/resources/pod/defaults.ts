/** What the API fills into a pod, beyond what it fills into any pod template. */
import type { Container, Pod, PodStatus } from '../../../api/types.gen.ts';
import { fillMissing } from '../fill.ts';
import { setPodSpecDefaults } from './spec-defaults.ts';

/** A limit without a request is also the request. */
function requestsFromLimits(container: Container): void {
  const limits = container.resources?.limits;
  if (container.resources === undefined || limits === undefined) return;
  container.resources.requests = { ...limits, ...container.resources.requests };
}

/** On the host's network a container's port is the host's. */
function hostPorts(container: Container): void {
  for (const port of container.ports ?? []) port.hostPort ||= port.containerPort;
}

/** `podIP` is the first of `podIPs`, `hostIP` of `hostIPs`; where they differ, the single one holds. */
function alignAddresses(status: PodStatus | undefined): void {
  if (status === undefined) return;
  for (const [one, many] of [['podIP', 'podIPs'] as const, ['hostIP', 'hostIPs'] as const]) {
    const first = status[many]?.[0]?.ip;
    const single = status[one];
    if (single && first !== single) status[many] = [{ ip: single }];
    else if (first !== undefined) status[one] = first;
  }
}

/** Fills a pod in place. */
export function setPodDefaults(pod: Pod): void {
  const spec = (pod.spec ??= { containers: [] });
  fillMissing(spec, { enableServiceLinks: true });
  setPodSpecDefaults(spec);
  for (const container of [...spec.containers, ...(spec.initContainers ?? [])]) {
    requestsFromLimits(container);
    if (spec.hostNetwork === true) hostPorts(container);
  }
  alignAddresses(pod.status);
}
