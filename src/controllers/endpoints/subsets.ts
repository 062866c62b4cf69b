/** The subsets of a core/v1 Endpoints object. Pure. */
import type { EndpointAddress, EndpointPort, EndpointSubset, Pod, Service } from '../../api/types.gen.ts';
import { isReady } from '../pod-state.ts';
import { addressesOf, addressTypesOf, canServe, hostnameOf, isHeadless, portsOf } from './endpoint-facts.ts';
import { repackSubsets } from './repack-subsets.ts';

/** Addresses in one Endpoints object at most; EndpointSlices have no such limit. */
const maxAddresses = 1000;

function addressOf(service: Service, pod: Pod): EndpointAddress | undefined {
  const [type] = addressTypesOf(service);
  const [ip] = type === undefined ? [] : addressesOf(pod, type);
  if (ip === undefined) return undefined;
  const hostname = hostnameOf(service, pod);
  const nodeName = pod.spec?.nodeName;
  const { namespace, name, uid } = pod.metadata;
  return {
    ip,
    ...(hostname === undefined ? {} : { hostname }),
    ...(nodeName === undefined || nodeName === '' ? {} : { nodeName }),
    targetRef: {
      kind: 'Pod',
      ...(namespace === undefined ? {} : { namespace }),
      ...(name === undefined ? {} : { name }),
      ...(uid === undefined ? {} : { uid }),
    },
  };
}

function portsFor(service: Service, pod: Pod): EndpointPort[] {
  return portsOf(service, pod).map(({ name, port, protocol, appProtocol }) => ({
    ...(name === undefined || name === '' ? {} : { name }),
    port: port ?? 0,
    ...(protocol === undefined ? {} : { protocol }),
    ...(appProtocol === undefined ? {} : { appProtocol }),
  }));
}

/** The pods of a Service that have an address, each with the ports it serves; in the one form of all that say the same. */
export function subsetsOf(service: Service, pods: readonly Pod[]): EndpointSubset[] {
  const publishAll = service.spec?.publishNotReadyAddresses === true;
  const mayLackPorts = (service.spec?.ports ?? []).length === 0 && isHeadless(service);
  const subsets = pods.flatMap((pod): EndpointSubset[] => {
    if (!canServe(pod) || (pod.metadata.deletionTimestamp !== undefined && !publishAll)) return [];
    const address = addressOf(service, pod);
    const ports = portsFor(service, pod);
    if (address === undefined || (ports.length === 0 && !mayLackPorts)) return [];
    return [publishAll || isReady(pod) ? { addresses: [address], ports } : { notReadyAddresses: [address], ports }];
  });
  return repackSubsets(subsets);
}

/** Cuts to the limit, addresses that are not ready first; `truncated` tells whether that was needed. */
export function truncated(subsets: readonly EndpointSubset[]): { subsets: EndpointSubset[]; truncated: boolean } {
  const count = (each: EndpointSubset): number => (each.addresses?.length ?? 0) + (each.notReadyAddresses?.length ?? 0);
  const total = subsets.reduce((sum, each) => sum + count(each), 0);
  if (total <= maxAddresses) return { subsets: [...subsets], truncated: false };
  const ready = subsets.reduce((sum, each) => sum + (each.addresses?.length ?? 0), 0);
  let readyRoom = Math.min(ready, maxAddresses);
  let otherRoom = maxAddresses - readyRoom;
  const cut = subsets.map((each) => {
    const addresses = (each.addresses ?? []).slice(0, readyRoom);
    const notReadyAddresses = (each.notReadyAddresses ?? []).slice(0, otherRoom);
    readyRoom -= addresses.length;
    otherRoom -= notReadyAddresses.length;
    return {
      ...(addresses.length === 0 ? {} : { addresses }),
      ...(notReadyAddresses.length === 0 ? {} : { notReadyAddresses }),
      ...(each.ports === undefined ? {} : { ports: each.ports }),
    };
  });
  return { subsets: cut.filter((each) => count(each) > 0), truncated: true };
}
