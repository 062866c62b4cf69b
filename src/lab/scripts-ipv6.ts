/**
 * What IPv6 adds to the scripts of a lab; nothing in a lab without it. Addresses are given by us, so none is asked for before it is
 * used (`nodad`), and nobody is a router by advertising so.
 */
import { segmentsOf, type LabConfig, type Machine } from './config.ts';
import {
  hostAddress6,
  machineAddress6,
  nodeRange6,
  outsideAddress6,
  outsideGateway6,
  outsideRange6,
  routerAddress6,
} from './families.ts';
import { partLength } from './ipv6-ranges.ts';
import { linkAddress } from './link-address.ts';

const addAddress = (address: string | undefined, link: string): string[] =>
  address === undefined ? [] : [`address add ${address}/${partLength} dev ${link} nodad`];

/** To the other segments, from the first. */
function acrossRoutes6(config: LabConfig): string[] {
  const [range, router] = [nodeRange6(config), routerAddress6(config, 1)];
  const isAlone = segmentsOf(config).length === 1;
  return isAlone || range === undefined || router === undefined ? [] : [`route add ${range} via ${router}`];
}

/** The host's end of the switch. */
export function ipv6HostLines(config: LabConfig, link: string): string[] {
  return [...addAddress(hostAddress6(config), link), ...acrossRoutes6(config)];
}

export function ipv6BridgeLines(config: LabConfig, segment: number, bridge: string): string[] {
  return addAddress(routerAddress6(config, segment), bridge);
}

/** Of the switch as a router. */
export function ipv6SwitchLines(config: LabConfig): string[] {
  const gateway = outsideGateway6(config);
  return gateway === undefined || segmentsOf(config).length === 1 ? [] : [`route add ${outsideRange6} via ${gateway}`];
}

/** For a shell, before the machine has its link, which begins with these settings. */
export function ipv6BootLines(config: LabConfig, { role }: Machine): string[] {
  if (config.ipv6 === undefined) return [];
  return [
    'for setting in accept_ra accept_dad accept_redirects; do echo 0 > /proc/sys/net/ipv6/conf/default/$setting; done',
    ...(role === 'outside' ? [] : ['echo 1 > /proc/sys/net/ipv6/conf/all/forwarding']),
  ];
}

/** A machine's address and routes, when its link is up. `near`: whom it knows the link addresses of. */
export function ipv6MachineLines(config: LabConfig, machine: Machine, near: readonly Machine[]): string[] {
  const [router, outside] = [routerAddress6(config, machine.segment), outsideGateway6(config)];
  if (router === undefined || outside === undefined) return [];
  const known = near.map(
    (other) =>
      `neighbour replace ${machineAddress6(config, other)} lladdr ${linkAddress(other.address)} dev eth0 nud permanent`,
  );
  const ways =
    machine.role === 'outside'
      ? [`address add ${outsideAddress6}/128 dev lo nodad`, ...acrossRoutes6(config)]
      : [
          `route add default via ${router}`,
          ...(machine.segment === 1 ? [`route add ${outsideRange6} via ${outside}`, ...acrossRoutes6(config)] : []),
        ];
  return [...addAddress(machineAddress6(config, machine), 'eth0'), ...ways, ...known];
}
