/** EndpointSlices. */
import { familyOf } from '../../api/addresses.ts';
import { endpointSlices } from '../../api/resources.ts';
import type { DiscoveryEndpointPort, Endpoint, EndpointSlice } from '../../api/types.gen.ts';
import type { FieldError, ResourceRow, Strategy } from '../resource.ts';
import { validateEndpointIP } from '../validation/addresses.ts';
import { duplicate, immutable, invalid, invalidEach, oneOf, required, tooMany } from '../validation/field-error.ts';
import { validateMeta, validateMetaUpdate } from '../validation/metadata.ts';
import { dnsLabel, dnsSubdomain, labelValue, nameIsSubdomain, qualifiedName } from '../validation/names.ts';
import { same } from '../validation/same.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import { firstThree } from './endpoints.ts';
import { fillMissing } from './fill.ts';
import { PROTOCOLS } from './pod/validate-containers.ts';

const MAX_ENDPOINTS = 1000;
const MAX_ADDRESSES = 100;
const MAX_PORTS = 20_000;
const MAX_HINTS = 8;

function validateAddress(address: string, type: string, list: string, i: number): FieldError[] {
  const path = `${list}[${i}]`;
  if (type === 'FQDN') return invalidEach(path, address, dnsSubdomain(address.replace(/\.$/, '')));
  const errors = validateEndpointIP(path, address);
  const wrongFamily = address.includes(':') !== (type === 'IPv6') && familyOf(address) !== undefined;
  return wrongFamily ? [invalid(list, address, `must be an ${type} address`), ...errors] : errors;
}

function validateHints(
  names: readonly { name: string }[],
  path: string,
  rule: (name: string) => string[],
): FieldError[] {
  if (names.length > MAX_HINTS) return [tooMany(path, names.length, MAX_HINTS)];
  return names.flatMap(({ name }, i) => [
    ...(names.findIndex((each) => each.name === name) < i ? [duplicate(`${path}[${i}].name`, name)] : []),
    ...invalidEach(`${path}[${i}].name`, name, rule(name)),
  ]);
}

function validateEndpoint(endpoint: Endpoint, type: string, path: string): FieldError[] {
  const { addresses = [], nodeName, hostname, hints } = endpoint;
  const list = `${path}.addresses`;
  const errors: FieldError[] = [];
  if (addresses.length === 0) errors.push(required(list, 'must contain at least 1 address'));
  if (addresses.length > MAX_ADDRESSES) errors.push(tooMany(list, addresses.length, MAX_ADDRESSES));
  addresses.forEach((address, i) => errors.push(...validateAddress(address, type, list, i)));
  if (nodeName !== undefined) errors.push(...invalidEach(`${path}.nodeName`, nodeName, dnsSubdomain(nodeName)));
  if (hostname !== undefined) errors.push(...invalidEach(`${path}.hostname`, hostname, dnsLabel(hostname)));
  return [
    ...errors,
    ...validateHints(hints?.forZones ?? [], `${path}.hints.forZones`, labelValue),
    ...validateHints(hints?.forNodes ?? [], `${path}.hints.forNodes`, dnsSubdomain),
  ];
}

function validatePort(port: DiscoveryEndpointPort, seen: Set<string>, path: string): FieldError[] {
  const { name = '', protocol, appProtocol } = port;
  const errors = name === '' ? [] : invalidEach(`${path}.name`, name, dnsLabel(name));
  if (seen.has(name)) errors.push(duplicate(`${path}.name`, name));
  seen.add(name);
  errors.push(...oneOf(`${path}.protocol`, protocol, PROTOCOLS));
  if (appProtocol !== undefined)
    errors.push(...invalidEach(`${path}.appProtocol`, appProtocol, qualifiedName(appProtocol)));
  return errors;
}

function validate(slice: EndpointSlice): FieldError[] {
  const { endpoints = [], ports = [], addressType } = slice;
  const errors = [
    ...validateMeta(slice.metadata, true, nameIsSubdomain),
    ...oneOf('addressType', addressType, ['FQDN', 'IPv4', 'IPv6']),
  ];
  const names = new Set<string>();
  if (ports.length > MAX_PORTS) errors.push(tooMany('ports', ports.length, MAX_PORTS));
  else ports.forEach((port, i) => errors.push(...validatePort(port, names, `ports[${i}]`)));
  if (endpoints.length > MAX_ENDPOINTS) return [...errors, tooMany('endpoints', endpoints.length, MAX_ENDPOINTS)];
  return [...errors, ...endpoints.flatMap((each, i) => validateEndpoint(each, addressType, `endpoints[${i}]`))];
}

const content = ({ addressType, endpoints, ports }: EndpointSlice): unknown => ({ addressType, endpoints, ports });

const strategy: Strategy<EndpointSlice> = {
  setDefaults: (slice) => {
    for (const port of slice.ports ?? []) fillMissing(port, { name: '', protocol: 'TCP' });
  },
  prepareForCreate: (slice) => {
    slice.metadata.generation = 1;
  },
  prepareForUpdate: (slice, old) => {
    const changed = !same(content(slice), content(old));
    slice.metadata.generation = (old.metadata.generation ?? 0) + (changed ? 1 : 0);
  },
  validate,
  validateUpdate: (slice, old) => [
    ...validateMetaUpdate(slice.metadata, old.metadata),
    ...(slice.addressType === old.addressType ? [] : [immutable('addressType', slice.addressType)]),
  ],
};

const orUnset = (list: readonly string[]): string => firstThree(list) || '<unset>';

export const endpointSliceRow: ResourceRow<EndpointSlice> = {
  type: endpointSlices,
  singular: 'endpointslice',
  subresources: [],
  columns: [
    nameColumn,
    column('AddressType', 'Family of its addresses.', (slice) => slice.addressType),
    column('Ports', 'Its ports.', ({ ports = [] }) =>
      orUnset(ports.map(({ port, name }) => String(port ?? name ?? '*'))),
    ),
    column('Endpoints', 'Its addresses.', ({ endpoints = [] }) => orUnset(endpoints.flatMap((each) => each.addresses))),
    ageColumn,
  ],
  strategy,
};
