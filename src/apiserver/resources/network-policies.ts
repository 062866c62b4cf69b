/** NetworkPolicies. */
import { contains, parseIP, tryParseCIDR } from '../../api/addresses.ts';
import { networkPolicies } from '../../api/resources.ts';
import type {
  IPBlock,
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
  NetworkPolicySpec,
} from '../../api/types.gen.ts';
import type { FieldError, ResourceRow, Strategy } from '../resource.ts';
import { validateCIDR } from '../validation/addresses.ts';
import { forbidden, invalid, invalidEach, notSupported, required } from '../validation/field-error.ts';
import { printSelector, validateLabelSelector } from '../validation/label-selector.ts';
import { validateMeta, validateMetaUpdate } from '../validation/metadata.ts';
import { nameIsSubdomain, portName, portNumber } from '../validation/names.ts';
import { same } from '../validation/same.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import { fillMissing } from './fill.ts';

/** In this order upstream names them. */
const PROTOCOLS = ['TCP', 'UDP', 'SCTP'];
const POLICY_TYPES = ['Egress', 'Ingress'];

/** An object without a spec is one with an empty one: it isolates every pod of its namespace. */
function specOf(policy: NetworkPolicy): NetworkPolicySpec {
  return (policy.spec ??= {});
}

/** Ingress always, Egress when there are rules for it: upstream's guess for policies older than the field. */
function setDefaults(policy: NetworkPolicy): void {
  const spec = specOf(policy);
  fillMissing(spec, { podSelector: {} });
  for (const { ports } of [...(spec.ingress ?? []), ...(spec.egress ?? [])]) {
    for (const port of ports ?? []) fillMissing(port, { protocol: 'TCP' });
  }
  if ((spec.policyTypes ?? []).length > 0) return;
  spec.policyTypes = (spec.egress ?? []).length > 0 ? ['Ingress', 'Egress'] : ['Ingress'];
}

function validateEndPort({ port, endPort }: NetworkPolicyPort, path: string): FieldError[] {
  if (endPort === undefined) return [];
  if (port === undefined) return [invalid(path, endPort, 'may not be specified when `port` is not specified')];
  if (typeof port === 'string') return [invalid(path, endPort, 'may not be specified when `port` is non-numeric')];
  return [
    ...(endPort < port ? [invalid(path, endPort, 'must be greater than or equal to `port`')] : []),
    ...invalidEach(path, endPort, portNumber(endPort)),
  ];
}

function validatePort(entry: NetworkPolicyPort, path: string): FieldError[] {
  const { protocol, port } = entry;
  const errors: FieldError[] = [];
  if (protocol !== undefined && !PROTOCOLS.includes(protocol)) {
    errors.push(notSupported(`${path}.protocol`, protocol, PROTOCOLS));
  }
  if (port !== undefined) {
    errors.push(...invalidEach(`${path}.port`, port, typeof port === 'number' ? portNumber(port) : portName(port)));
  }
  return [...errors, ...validateEndPort(entry, `${path}.endPort`)];
}

function validateExcept(except: string, cidr: string, path: string): FieldError[] {
  const malformed = validateCIDR(path, except);
  if (malformed.length > 0) return malformed;
  const [inner, outer] = [tryParseCIDR(except), tryParseCIDR(cidr)];
  const ip = parseIP(except.split('/')[0] ?? '');
  if (inner === undefined || outer === undefined || ip === undefined) return [];
  const isInside = contains(outer, ip) && inner.prefixLength > outer.prefixLength;
  return isInside ? [] : [invalid(path, except, 'must be a strict subset of `cidr`')];
}

function validateBlock({ cidr, except = [] }: IPBlock, path: string): FieldError[] {
  if (cidr === '') return [required(`${path}.cidr`)];
  return [
    ...validateCIDR(`${path}.cidr`, cidr),
    ...except.flatMap((each, i) => validateExcept(each, cidr, `${path}.except[${i}]`)),
  ];
}

function validatePeer({ podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer, path: string): FieldError[] {
  const errors = [
    ...validateLabelSelector(podSelector, `${path}.podSelector`),
    ...validateLabelSelector(namespaceSelector, `${path}.namespaceSelector`),
    ...(ipBlock === undefined ? [] : validateBlock(ipBlock, `${path}.ipBlock`)),
  ];
  const hasSelector = podSelector !== undefined || namespaceSelector !== undefined;
  if (!hasSelector && ipBlock === undefined) errors.push(required(path, 'must specify a peer'));
  if (hasSelector && ipBlock !== undefined) {
    errors.push(forbidden(path, 'may not specify both ipBlock and another peer'));
  }
  return errors;
}

interface AnyRule {
  readonly ports?: NetworkPolicyPort[] | undefined;
  readonly peers: NetworkPolicyPeer[] | undefined;
}

function validateRule({ ports = [], peers = [] }: AnyRule, peersField: string, path: string): FieldError[] {
  return [
    ...ports.flatMap((port, i) => validatePort(port, `${path}.ports[${i}]`)),
    ...peers.flatMap((peer, i) => validatePeer(peer, `${path}.${peersField}[${i}]`)),
  ];
}

function validateTypes(types: readonly string[]): FieldError[] {
  const path = 'spec.policyTypes';
  if (types.length > POLICY_TYPES.length) {
    return [invalid(path, types, 'may not specify more than two policyTypes')];
  }
  return types.flatMap((type) => (POLICY_TYPES.includes(type) ? [] : [notSupported(path, type, POLICY_TYPES)]));
}

function validate(policy: NetworkPolicy): FieldError[] {
  const { podSelector, ingress = [], egress = [], policyTypes = [] } = specOf(policy);
  return [
    ...validateMeta(policy.metadata, true, nameIsSubdomain),
    ...validateLabelSelector(podSelector, 'spec.podSelector'),
    ...ingress.flatMap(({ ports, from }, i) => validateRule({ ports, peers: from }, 'from', `spec.ingress[${i}]`)),
    ...egress.flatMap(({ ports, to }, i) => validateRule({ ports, peers: to }, 'to', `spec.egress[${i}]`)),
    ...validateTypes(policyTypes),
  ];
}

const strategy: Strategy<NetworkPolicy> = {
  setDefaults,
  prepareForCreate: (policy) => {
    policy.metadata.generation = 1;
  },
  prepareForUpdate: (policy, old) => {
    const changed = !same(policy.spec, old.spec);
    policy.metadata.generation = (old.metadata.generation ?? 0) + (changed ? 1 : 0);
  },
  validate,
  validateUpdate: (policy, old) => validateMetaUpdate(policy.metadata, old.metadata),
};

export const networkPolicyRow: ResourceRow<NetworkPolicy> = {
  type: networkPolicies,
  singular: 'networkpolicy',
  shortNames: ['netpol'],
  subresources: [],
  columns: [
    nameColumn,
    column('Pod-Selector', 'Which pods of its namespace it is for.', ({ spec }) => printSelector(spec?.podSelector)),
    ageColumn,
  ],
  strategy,
};
