/** What the zone is made of, as it is in memory now. */
import type { EndpointSlice, Service } from '../../api/types.gen.ts';

export interface ClusterObjects {
  service(namespace: string, name: string): Service | undefined;
  hasNamespace(name: string): boolean;
  slicesOf(namespace: string, service: string): readonly EndpointSlice[];
  /** Services with this cluster IP, in canonical text. */
  servicesAt(ip: string): readonly Service[];
  /** Slices with an endpoint at this address. */
  slicesAt(ip: string): readonly EndpointSlice[];
}
