/** Endpoints: what EndpointSlices replace, kept for those who read it. */
import { endpoints } from '../../api/resources.ts';
import type { EndpointAddress, EndpointPort, Endpoints, EndpointSubset } from '../../api/types.gen.ts';
import type { FieldError, ResourceRow, Strategy } from '../resource.ts';
import { validateEndpointIP } from '../validation/addresses.ts';
import { invalidEach, oneOf, required } from '../validation/field-error.ts';
import { validateMeta, validateMetaUpdate } from '../validation/metadata.ts';
import { dnsLabel, dnsSubdomain, nameIsSubdomain, portNumber, qualifiedName } from '../validation/names.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import { fillEmpty } from './fill.ts';
import { PROTOCOLS } from './pod/validate-containers.ts';

/** The first three of a list, and how many more there are. */
export function firstThree(list: readonly string[]): string {
  const text = list.slice(0, 3).join(',');
  return list.length > 3 ? `${text} + ${list.length - 3} more...` : text;
}

const hostPort = (ip: string, port: number): string => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`);

function addressesOf({ addresses = [], ports = [] }: EndpointSubset): string[] {
  if (ports.length === 0) return addresses.map(({ ip }) => ip);
  return ports.flatMap(({ port }) => addresses.map(({ ip }) => hostPort(ip, port)));
}

function validateAddress(address: EndpointAddress, path: string): FieldError[] {
  const { ip, hostname, nodeName } = address;
  return [
    ...validateEndpointIP(`${path}.ip`, ip),
    ...(hostname ? invalidEach(`${path}.hostname`, hostname, dnsLabel(hostname)) : []),
    ...(nodeName === undefined ? [] : invalidEach(`${path}.nodeName`, nodeName, dnsSubdomain(nodeName))),
  ];
}

function validatePort(port: EndpointPort, needsName: boolean, path: string): FieldError[] {
  const { name, appProtocol } = port;
  return [
    ...(needsName && !name ? [required(`${path}.name`)] : []),
    ...(name ? invalidEach(`${path}.name`, name, dnsLabel(name)) : []),
    ...invalidEach(`${path}.port`, port.port, portNumber(port.port)),
    ...oneOf(`${path}.protocol`, port.protocol, PROTOCOLS),
    ...(appProtocol === undefined ? [] : invalidEach(`${path}.appProtocol`, appProtocol, qualifiedName(appProtocol))),
  ];
}

function validateSubset(subset: EndpointSubset, path: string): FieldError[] {
  const { addresses = [], notReadyAddresses = [], ports = [] } = subset;
  const none = addresses.length + notReadyAddresses.length === 0;
  return [
    ...(none ? [required(path, 'must specify `addresses` or `notReadyAddresses`')] : []),
    ...addresses.flatMap((address, i) => validateAddress(address, `${path}.addresses[${i}]`)),
    ...notReadyAddresses.flatMap((address, i) => validateAddress(address, `${path}.notReadyAddresses[${i}]`)),
    ...ports.flatMap((port, i) => validatePort(port, ports.length > 1, `${path}.ports[${i}]`)),
  ];
}

const strategy: Strategy<Endpoints> = {
  setDefaults: (object) => {
    for (const port of (object.subsets ?? []).flatMap(({ ports = [] }) => ports)) fillEmpty(port, { protocol: 'TCP' });
  },
  validate: (object) => [
    ...validateMeta(object.metadata, true, nameIsSubdomain),
    ...(object.subsets ?? []).flatMap((subset, i) => validateSubset(subset, `subsets[${i}]`)),
  ],
  validateUpdate: (object, old) => validateMetaUpdate(object.metadata, old.metadata),
};

export const endpointsRow: ResourceRow<Endpoints> = {
  type: endpoints,
  singular: 'endpoints',
  shortNames: ['ep'],
  subresources: [],
  columns: [
    nameColumn,
    column('Endpoints', 'Addresses and ports that are ready.', ({ subsets }) =>
      subsets?.length ? firstThree(subsets.flatMap(addressesOf)) : '<none>',
    ),
    ageColumn,
  ],
  strategy,
};
