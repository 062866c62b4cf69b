/** Whom EndpointSlices are written for: a Service, or an Endpoints object that somebody wrote by hand. Pure. */
import { ownerReference } from '../../api/owner.ts';
import { endpoints, services } from '../../api/resources.ts';
import type { Endpoints, EndpointSlice, OwnerReference, Service } from '../../api/types.gen.ts';
import { withKind } from '../controller.ts';
import { isHeadless } from './endpoint-facts.ts';

export const serviceNameLabel = 'kubernetes.io/service-name';
export const managedByLabel = 'endpointslice.kubernetes.io/managed-by';
export const headlessLabel = 'service.kubernetes.io/headless';
/** Marks the slices that follow a Service's pods. */
export const managedBy = 'endpointslice-controller.k8s.io';
/** Marks the slices that repeat an Endpoints object. */
export const mirroredBy = 'endpointslicemirroring-controller.k8s.io';

export interface SliceOwner {
  readonly namespace: string | undefined;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Missing: the annotations of a slice are somebody else's. */
  readonly annotations?: Readonly<Record<string, string>>;
  readonly reference: OwnerReference;
  readonly maxEndpoints: number;
  /** With nothing to tell there is one empty slice, so that it can be told from what nobody has looked at yet. */
  readonly keepsOne: boolean;
}

/** Endpoints in one slice at most, upstream's default. */
const maxEndpointsPerSlice = 100;
/** As many as an Endpoints object may hold in one subset; the rest of a longer one is not repeated. */
export const maxMirrored = 1000;

export function ownerOfService(service: Service): SliceOwner {
  const labels: Record<string, string> = { ...service.metadata.labels };
  delete labels[headlessLabel];
  if (isHeadless(service)) labels[headlessLabel] = '';
  const { namespace, name = '' } = service.metadata;
  return {
    namespace,
    name,
    labels: { ...labels, [serviceNameLabel]: name, [managedByLabel]: managedBy },
    reference: ownerReference(withKind(services, service), { controller: true }),
    maxEndpoints: maxEndpointsPerSlice,
    keepsOne: true,
  };
}

/** What speaks of the writing, not of the endpoints. */
const notMirrored = [
  'endpoints.kubernetes.io/last-change-trigger-time',
  'kubectl.kubernetes.io/last-applied-configuration',
];

export function ownerOfEndpoints(object: Endpoints): SliceOwner {
  const { namespace, name = '', labels, annotations = {} } = object.metadata;
  const kept = Object.entries(annotations).filter(([key]) => !notMirrored.includes(key));
  return {
    namespace,
    name,
    labels: { ...labels, [serviceNameLabel]: name, [managedByLabel]: mirroredBy },
    annotations: Object.fromEntries(kept),
    reference: ownerReference(withKind(endpoints, object), { controller: true }),
    maxEndpoints: maxMirrored,
    keepsOne: false,
  };
}

/** `namespace/name` of the Service of a slice that `manager` keeps; undefined for anybody else's. */
export function serviceKeyOf({ metadata: { namespace, labels } }: EndpointSlice, manager: string): string | undefined {
  const name = labels?.[serviceNameLabel];
  return name === undefined || labels?.[managedByLabel] !== manager ? undefined : `${namespace}/${name}`;
}
