/**
 * The one form of all that say the same: an Endpoints object may tell the same addresses and ports in many ways. Each address
 * stands once a port; ports that the same addresses serve share a subset. Pure.
 */
import { familyOf } from '../../api/addresses.ts';
import type { EndpointAddress, EndpointPort, EndpointSubset } from '../../api/types.gen.ts';

interface Entry {
  readonly address: EndpointAddress;
  readonly ready: boolean;
}

/** An address of another pod is another endpoint. */
const keyOf = ({ ip, targetRef }: EndpointAddress): string => `${ip} ${targetRef?.uid ?? ''}`;
const byText = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
const byIP = (a: EndpointAddress, b: EndpointAddress): number =>
  (familyOf(a.ip) ?? 0) - (familyOf(b.ip) ?? 0) || byText(a.ip, b.ip) || byText(keyOf(a), keyOf(b));

/** Which addresses serve a port; the empty text stands for no port at all. */
function entriesByPort(subsets: readonly EndpointSubset[]): Map<string, Map<string, Entry>> {
  const ports = new Map<string, Map<string, Entry>>();
  for (const { addresses = [], notReadyAddresses = [], ports: served = [] } of subsets) {
    for (const port of served.length === 0 ? [''] : served.map((each) => JSON.stringify(each))) {
      const entries = ports.get(port) ?? new Map<string, Entry>();
      ports.set(port, entries);
      for (const address of addresses)
        if (!entries.has(keyOf(address))) entries.set(keyOf(address), { address, ready: true });
      // Whoever says that it is not ready is believed.
      for (const address of notReadyAddresses) entries.set(keyOf(address), { address, ready: false });
    }
  }
  return ports;
}

function subsetOf(entries: readonly Entry[], ports: EndpointPort[]): EndpointSubset {
  const of = (ready: boolean): EndpointAddress[] =>
    entries
      .filter((each) => each.ready === ready)
      .map(({ address }) => address)
      .sort(byIP);
  const [addresses, notReadyAddresses] = [of(true), of(false)];
  return {
    ...(addresses.length === 0 ? {} : { addresses }),
    ...(notReadyAddresses.length === 0 ? {} : { notReadyAddresses }),
    ...(ports.length === 0 ? {} : { ports }),
  };
}

/** Subsets in a fixed order, so that equal means equal. */
export function repackSubsets(subsets: readonly EndpointSubset[]): EndpointSubset[] {
  const groups = new Map<string, { entries: Entry[]; ports: string[] }>();
  for (const [port, found] of entriesByPort(subsets)) {
    const entries = [...found.values()];
    if (entries.length === 0) continue;
    const key = entries
      .map(({ address, ready }) => `${keyOf(address)} ${ready}`)
      .sort(byText)
      .join();
    const group = groups.get(key) ?? { entries, ports: [] };
    if (port !== '') group.ports.push(port);
    groups.set(key, group);
  }
  return [...groups.values()]
    .map(({ entries, ports }) => ({ entries, ports: ports.sort(byText) }))
    .sort((a, b) => byText(a.ports.join(), b.ports.join()))
    .map(({ entries, ports }) =>
      subsetOf(
        entries,
        ports.map((each) => JSON.parse(each) as EndpointPort),
      ),
    );
}
