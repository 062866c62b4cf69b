/** What endpoints say about one pod: its ports, addresses and conditions. Pure. */
import { familyOf } from '../../api/addresses.ts';
import type { DiscoveryEndpointPort, Endpoint, Node, Pod, Service, ServicePort } from '../../api/types.gen.ts';
import { hasEnded, isReady } from '../pod-state.ts';
import { zoneOf } from './topology.ts';

export type AddressType = 'IPv4' | 'IPv6';

/** The address families in which the Service is reached. */
export function addressTypesOf(service: Service): AddressType[] {
  const families = service.spec?.ipFamilies ?? [];
  if (families.length > 0) return families.map((family) => (family === 'IPv6' ? 'IPv6' : 'IPv4'));
  return [familyOf(service.spec?.clusterIP ?? '') === 6 ? 'IPv6' : 'IPv4'];
}

/** No cluster IP: clients are told the pods' addresses themselves. */
export function isHeadless(service: Service): boolean {
  const ip = service.spec?.clusterIP ?? '';
  return ip === '' || ip === 'None';
}

/** The port of the pod that a Service's port leads to; undefined when the pod has no port of that name. */
export function targetPortOf(pod: Pod, port: ServicePort): number | undefined {
  const target = port.targetPort;
  if (target === undefined || target === 0 || target === '') return port.port;
  if (typeof target === 'number') return target;
  const protocol = port.protocol ?? 'TCP';
  const sidecars = (pod.spec?.initContainers ?? []).filter((each) => each.restartPolicy === 'Always');
  for (const container of [...(pod.spec?.containers ?? []), ...sidecars]) {
    const found = container.ports?.find((each) => each.name === target && (each.protocol ?? 'TCP') === protocol);
    if (found !== undefined) return found.containerPort;
  }
  return undefined;
}

/** The Service's ports as this pod serves them. */
export function portsOf(service: Service, pod: Pod): DiscoveryEndpointPort[] {
  return (service.spec?.ports ?? []).flatMap((port) => {
    const number = targetPortOf(pod, port);
    if (number === undefined) return [];
    const { appProtocol } = port;
    const known = { name: port.name ?? '', port: number, protocol: port.protocol ?? 'TCP' };
    return [appProtocol === undefined ? known : { ...known, appProtocol }];
  });
}

/** The pod's addresses of one family. */
export function addressesOf(pod: Pod, type: AddressType): string[] {
  const all = pod.status?.podIPs?.map(({ ip }) => ip) ?? [];
  const first = pod.status?.podIP;
  const known = all.length === 0 && first !== undefined ? [first] : all;
  return known.filter((ip) => familyOf(ip) === (type === 'IPv6' ? 6 : 4));
}

/** A pod that has an address and has not ended can be an endpoint, ready or not. */
export function canServe(pod: Pod): boolean {
  return !hasEnded(pod) && ((pod.status?.podIP ?? '') !== '' || (pod.status?.podIPs ?? []).length > 0);
}

/** The name under which DNS knows the pod inside the Service, when it asked for one. */
export function hostnameOf(service: Service, pod: Pod): string | undefined {
  const { hostname, subdomain } = pod.spec ?? {};
  const asked = (hostname ?? '') !== '' && subdomain === service.metadata.name;
  return asked && pod.metadata.namespace === service.metadata.namespace ? hostname : undefined;
}

/** One endpoint of an EndpointSlice; undefined when the pod has no address of this family. */
export function endpointOf(
  service: Service,
  pod: Pod,
  node: Node | undefined,
  type: AddressType,
): Endpoint | undefined {
  const addresses = addressesOf(pod, type);
  if (addresses.length === 0) return undefined;
  const serving = isReady(pod);
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const ready = service.spec?.publishNotReadyAddresses === true || (serving && !terminating);
  const { namespace, name, uid } = pod.metadata;
  const hostname = hostnameOf(service, pod);
  const nodeName = pod.spec?.nodeName;
  const zone = zoneOf(node);
  return {
    addresses,
    conditions: { ready, serving, terminating },
    ...(hostname === undefined ? {} : { hostname }),
    ...(nodeName === undefined || nodeName === '' ? {} : { nodeName }),
    targetRef: {
      kind: 'Pod',
      ...(namespace === undefined ? {} : { namespace }),
      ...(name === undefined ? {} : { name }),
      ...(uid === undefined ? {} : { uid }),
    },
    ...(zone === undefined ? {} : { zone }),
  };
}
