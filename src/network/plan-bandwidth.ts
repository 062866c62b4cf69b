/**
 * Plans the limits of one pod's bandwidth: a token bucket where packets leave for it, and one on an ifb link that its own packets
 * pass first, since a queue stands only where packets leave. Pure.
 */
import type { Change } from '../kernel/change.ts';
import type { TrafficControl } from '../kernel/tc.ts';
import type { PodBandwidth } from './contract.ts';
import { shaperOf, trafficHandle } from './names.ts';

export interface LimitedPod {
  readonly link: string;
  /** `namespace/name`, for the reason of each change. */
  readonly pod: string;
  readonly mtu: number;
  readonly bandwidth: PodBandwidth;
}

interface Step extends Change {
  readonly line: string;
}

/** Bytes a second, as the kernel counts. */
function bytesOf(bits: number): number {
  return Math.floor(bits / 8);
}

/**
 * What may pass at once is what the rate gives in 20 ms, and no less than ten packets: the kernel cuts larger ones down to the bucket. What
 * waits is 50 ms more: enough for TCP, and no long queue. The kernel holds both in 32 bits.
 */
function bucketOf(bits: number, mtu: number): string {
  const rate = bytesOf(bits);
  const burst = Math.min(Math.max(10 * mtu, Math.round(rate / 50)), 2 ** 28);
  const limit = burst + Math.min(Math.max(20 * mtu, Math.round(rate / 20)), 2 ** 28);
  return `tbf rate ${bits}bit burst ${burst} limit ${limit}`;
}

function bucket(device: string, bits: number, { mtu, pod }: LimitedPod, reason: string): Step {
  return {
    action: 'set',
    object: `qdisc ${trafficHandle} of ${device} rate ${bits}bit`,
    reason: `${reason} of ${pod}`,
    line: `qdisc replace dev ${device} root handle ${trafficHandle} ${bucketOf(bits, mtu)}`,
  };
}

/**
 * The bucket stands before packets are led to it. `u32` and `mirred`: kernels without `flower` and `matchall` have them. A filter
 * whose ifb link is gone drops what it would send there, so nobody gets around a limit by that.
 */
function steps(pod: LimitedPod): { readonly ingress: readonly Step[]; readonly egress: readonly Step[] } {
  const { link, bandwidth } = pod;
  const { ingress, egress } = bandwidth;
  const shaper = shaperOf(link);
  const reason = 'egress-bandwidth';
  const lead = { action: 'set' as const, object: `filter of ${link} to ${shaper}`, reason: `${reason} of ${pod.pod}` };
  const filter = 'ingress prio 78 handle 800::78 protocol all u32 match u32 0 0';
  return {
    ingress: ingress === undefined ? [] : [bucket(link, ingress, pod, 'ingress-bandwidth')],
    egress:
      egress === undefined
        ? []
        : [
            bucket(shaper, egress, pod, reason),
            { ...lead, line: `qdisc add dev ${link} clsact` },
            { ...lead, line: `filter replace dev ${link} ${filter} action mirred egress redirect dev ${shaper}` },
          ],
  };
}

/** Lines for `tc -batch`, after the links are there. All may be carried out again; `qdisc add` then says that it exists. */
export function bandwidthLines(pod: LimitedPod): readonly string[] {
  const { ingress, egress } = steps(pod);
  return [...ingress, ...egress].map(({ line }) => line);
}

/** What is missing of it, or is not as it was made. */
export function bandwidthChanges(pod: LimitedPod, observed: TrafficControl): readonly Change[] {
  const { ingress, egress } = steps(pod);
  const holds = (device: string, bits: number | undefined): boolean =>
    bits === undefined ||
    observed.qdiscs.some(
      ({ device: on, kind, handle, isRoot, rate }) =>
        on === device && kind === 'tbf' && handle === trafficHandle && isRoot && rate === bytesOf(bits),
    );
  const shaper = shaperOf(pod.link);
  const changes = [
    ...(holds(pod.link, pod.bandwidth.ingress) ? [] : ingress),
    ...(holds(shaper, pod.bandwidth.egress) ? [] : egress.slice(0, 1)),
    ...(pod.bandwidth.egress === undefined || observed.redirects.has(shaper) ? [] : egress.slice(2)),
  ];
  return changes.map(({ action, object, reason }) => ({ action, object, reason }));
}
