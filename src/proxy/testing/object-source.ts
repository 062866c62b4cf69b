/** Objects for tests, as the proxy would have them in memory. */
import { keyOf } from '../../api/informer.ts';
import type { EndpointSlice, Service } from '../../api/types.gen.ts';
import type { Whereabouts } from '../model/endpoints.ts';
import { serviceKeyOf } from '../model/service-ports.ts';
import type { ObjectSource } from '../model/table-keeper.ts';

/** Shows what is in the arrays now: change them, and the next look sees it. */
export function objectSource(
  services: readonly Service[],
  slices: readonly EndpointSlice[],
  where: Whereabouts,
): ObjectSource {
  return {
    services: () => services,
    service: (key) => services.find((one) => keyOf(one) === key),
    slicesOf: (key) => slices.filter((one) => serviceKeyOf(one) === key),
    whereabouts: () => where,
  };
}
