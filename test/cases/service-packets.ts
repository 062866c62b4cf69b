/** Every feature's Services in one cluster, and every case. */
import type { EndpointSlice, Service } from '../../src/api/types.gen.ts';
import type { Feature, PacketCase } from './packet-case.ts';
import { affinity } from './service-packets/affinity.ts';
import { clusterIP } from './service-packets/cluster-ip.ts';
import { doors } from './service-packets/doors.ts';
import { externalIP } from './service-packets/external-ip.ts';
import { hairpin } from './service-packets/hairpin.ts';
import { hostEndpoints } from './service-packets/host-endpoints.ts';
import { loadBalancer } from './service-packets/load-balancer.ts';
import { nodePort } from './service-packets/node-port.ts';
import { nothingProgrammed } from './service-packets/nothing-programmed.ts';
import { ports } from './service-packets/ports.ts';
import { readiness } from './service-packets/readiness.ts';
import { refusals } from './service-packets/refusals.ts';
import { singleFamily } from './service-packets/single-family.ts';
import { sourceRanges } from './service-packets/source-ranges.ts';
import { topology } from './service-packets/topology.ts';
import { trafficPolicy } from './service-packets/traffic-policy.ts';
import { unknownPods } from './service-packets/unknown-pods.ts';

const features: readonly Feature[] = [
  clusterIP,
  nodePort,
  loadBalancer,
  sourceRanges,
  externalIP,
  nothingProgrammed,
  ports,
  affinity,
  trafficPolicy,
  readiness,
  topology,
  hairpin,
  hostEndpoints,
  refusals,
  singleFamily,
  unknownPods,
  doors,
];

export const clusterServices: readonly Service[] = features.flatMap(({ services }) => services);
export const clusterSlices: readonly EndpointSlice[] = features.flatMap(({ slices }) => slices);
export const packetCases: readonly PacketCase[] = features.flatMap(({ cases }) => cases);
