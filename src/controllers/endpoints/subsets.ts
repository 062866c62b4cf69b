/** The subsets of a core/v1 Endpoints object. Pure. */
import { familyOf } from '../../api/addresses.ts';
import type { EndpointAddress, EndpointPort, EndpointSubset, Pod, Service } from '../../api/types.gen.ts';
import { isReady } from '../pod-state.ts';
import { addressesOf, addressTypesOf, canServe, hostnameOf, isHeadless, portsOf } from './endpoint-facts.ts';

/** Addresses in one Endpoints object at most; EndpointSlices have no such limit. */
const maxAddresses = 1000;

interface Group {
  readonly ports: EndpointPort[];
  readonly ready: EndpointAddress[];
  readonly notReady: EndpointAddress[];
}

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

const byText = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
const byIP = (a: EndpointAddress, b: EndpointAddress): number =>
  (familyOf(a.ip) ?? 0) - (familyOf(b.ip) ?? 0) || byText(a.ip, b.ip);

/** Pods that serve the same ports share a subset; all in a fixed order, so that equal means equal. */
export function subsetsOf(service: Service, pods: readonly Pod[]): EndpointSubset[] {
  const groups = new Map<string, Group>();
  const publishAll = service.spec?.publishNotReadyAddresses === true;
  for (const pod of pods) {
    if (!canServe(pod) || (pod.metadata.deletionTimestamp !== undefined && !publishAll)) continue;
    const address = addressOf(service, pod);
    const ports = portsFor(service, pod);
    const hasNoPorts = ports.length === 0 && !((service.spec?.ports ?? []).length === 0 && isHeadless(service));
    if (address === undefined || hasNoPorts) continue;
    ports.sort((a, b) => byText(JSON.stringify(a), JSON.stringify(b)));
    const key = JSON.stringify(ports);
    const group = groups.get(key) ?? { ports, ready: [], notReady: [] };
    (publishAll || isReady(pod) ? group.ready : group.notReady).push(address);
    groups.set(key, group);
  }
  return [...groups].sort(([a], [b]) => byText(a, b)).map(([, group]) => subsetOf(group));
}

function subsetOf({ ports, ready, notReady }: Group): EndpointSubset {
  return {
    ...(ready.length === 0 ? {} : { addresses: ready.sort(byIP) }),
    ...(notReady.length === 0 ? {} : { notReadyAddresses: notReady.sort(byIP) }),
    ...(ports.length === 0 ? {} : { ports }),
  };
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
    return subsetOf({ ports: each.ports ?? [], ready: addresses, notReady: notReadyAddresses });
  });
  return { subsets: cut.filter((each) => count(each) > 0), truncated: true };
}
