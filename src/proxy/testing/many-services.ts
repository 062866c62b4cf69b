/** Service ports by the thousand for tests, at addresses as an allocator scatters them. The same numbers give the same ports. */
import type { ServicePort } from '../model/service-port.ts';

/** A generator of whole numbers below a bound; its seed decides all of them. */
export function seeded(seed: number): (bound: number) => number {
  let state = seed >>> 0;
  return (bound) => {
    // mulberry32
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * bound);
  };
}

/** Different addresses in 10.96.0.0/14. */
function scattered(count: number): string[] {
  const random = seeded(count);
  const found = new Set<number>();
  while (found.size < count) found.add(1 + random(2 ** 18 - 2));
  return [...found].map((offset) => `10.${96 + (offset >> 16)}.${(offset >> 8) & 255}.${offset & 255}`);
}

/** Plain Services, each with so many endpoints on other nodes. */
export function manyServices(
  services: number,
  endpoints: number,
  more: (index: number) => Partial<ServicePort> = () => ({}),
): readonly ServicePort[] {
  return scattered(services).map((ip, index): ServicePort => {
    const all = Array.from({ length: endpoints }, (_, one) => {
      const number = index * endpoints + one;
      const [high, low] = [(number >> 8) & 255, number & 255];
      return { ip: `10.77.${high}.${low}`, port: 8080, local: false, pod: `ns/pod-${number}` };
    });
    return {
      ...{ name: `ns/svc-${index}`, service: `ns/svc-${index}`, protocol: 'tcp', port: 80, nodePort: undefined },
      ...{ clusterIPs: [ip], externalIPs: [], loadBalancerIPs: [], sourceRanges: undefined },
      ...{ internalPolicy: 'Cluster', externalPolicy: 'Cluster', affinitySeconds: undefined },
      ...{ endpoints: all, localEndpoints: [], serving: all },
      ...more(index),
    };
  });
}
