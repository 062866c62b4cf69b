/** What a Service must hold to. */
import type { Service, ServicePort } from '../../../api/types.gen.ts';
import type { FieldError } from '../../resource.ts';
import { validateCIDR, validateEndpointIP } from '../../validation/addresses.ts';
import {
  duplicate,
  forbidden,
  invalid,
  invalidEach,
  keyOf,
  notSupported,
  oneOf,
  required,
} from '../../validation/field-error.ts';
import { validateLabels, validateMeta, validateMetaUpdate } from '../../validation/metadata.ts';
import { dnsLabel, dnsSubdomain, nameIsLabel, portNumber, qualifiedName } from '../../validation/names.ts';
import { validatePortOrName } from '../pod/validate-handlers.ts';
import { PROTOCOLS } from '../pod/validate-containers.ts';
import { isExternallyAccessible, isHeadless, isType, needsHealthPort, portsOf, specOf } from './kinds.ts';
import { validateFamilies, validateFamiliesUpdate } from './validate-families.ts';

const TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const POLICIES = ['Cluster', 'Local'];
const DISTRIBUTIONS = ['PreferClose', 'PreferSameZone', 'PreferSameNode'];
const DAY_SECONDS = 86_400;
const SOURCE_RANGES = 'service.beta.kubernetes.io/load-balancer-source-ranges';

function validatePort(port: ServicePort, needsName: boolean, names: Set<string>, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (port.name) {
    errors.push(...invalidEach(`${path}.name`, port.name, dnsLabel(port.name)));
    if (names.has(port.name)) errors.push(duplicate(`${path}.name`, port.name));
    names.add(port.name);
  } else if (needsName) errors.push(required(`${path}.name`));
  errors.push(...invalidEach(`${path}.port`, port.port, portNumber(port.port)));
  errors.push(...oneOf(`${path}.protocol`, port.protocol, PROTOCOLS));
  errors.push(...validatePortOrName(`${path}.targetPort`, port.targetPort));
  if (port.appProtocol !== undefined) {
    errors.push(...invalidEach(`${path}.appProtocol`, port.appProtocol, qualifiedName(port.appProtocol)));
  }
  return errors;
}

function validatePorts(service: Service): FieldError[] {
  const ports = portsOf(service);
  const names = new Set<string>();
  const errors: FieldError[] = [];
  if (ports.length === 0 && !isHeadless(service) && !isType(service, 'ExternalName'))
    errors.push(required('spec.ports'));
  ports.forEach((port, i) => errors.push(...validatePort(port, ports.length > 1, names, `spec.ports[${i}]`)));
  return errors;
}

/** A protocol's port, and its port on the nodes, may stand once. */
function validatePortPairs(service: Service): FieldError[] {
  const taken = new Set<string>();
  const errors: FieldError[] = [];
  for (const [i, port] of portsOf(service).entries()) {
    const path = `spec.ports[${i}]`;
    const nodePort = `node ${port.protocol} ${port.nodePort}`;
    const pair = `${port.protocol} ${port.port}`;
    if (port.nodePort && isType(service, 'ClusterIP')) {
      errors.push(forbidden(`${path}.nodePort`, "may not be used when `type` is 'ClusterIP'"));
    }
    if (port.nodePort && taken.has(nodePort)) errors.push(duplicate(`${path}.nodePort`, port.nodePort));
    if (taken.has(pair)) errors.push(duplicate(path, { protocol: port.protocol, port: port.port }));
    if (port.nodePort) taken.add(nodePort);
    taken.add(pair);
  }
  return errors;
}

function validateType(service: Service): FieldError[] {
  const spec = specOf(service);
  const errors = oneOf('spec.type', spec.type, TYPES);
  if (isHeadless(service) && isType(service, 'LoadBalancer', 'NodePort')) {
    const detail = `may not be set to 'None' for ${spec.type} services`;
    errors.push(invalid('spec.clusterIPs[0]', 'None', detail));
  }
  if (!isType(service, 'ExternalName')) return errors;
  for (const field of ['clusterIPs', 'ipFamilies', 'ipFamilyPolicy'] as const) {
    if (spec[field]?.length) errors.push(forbidden(`spec.${field}`, 'may not be set for ExternalName services'));
  }
  const name = (spec.externalName ?? '').replace(/\.$/, '');
  if (name === '') return [...errors, required('spec.externalName')];
  return [...errors, ...invalidEach('spec.externalName', name, dnsSubdomain(name))];
}

function validateAffinity(service: Service): FieldError[] {
  const { sessionAffinity, sessionAffinityConfig } = specOf(service);
  const errors = oneOf('spec.sessionAffinity', sessionAffinity, ['ClientIP', 'None']);
  const path = 'spec.sessionAffinityConfig.clientIP.timeoutSeconds';
  const seconds = sessionAffinityConfig?.clientIP?.timeoutSeconds;
  if (sessionAffinity !== 'ClientIP') return errors;
  if (seconds === undefined) return [...errors, required(path, 'when session affinity type is ClientIP')];
  if (seconds > 0 && seconds <= DAY_SECONDS) return errors;
  return [...errors, invalid(path, seconds, `must be greater than 0 and less than ${DAY_SECONDS}`)];
}

/** The field; without it the annotation that it was before. */
function validateSourceRanges(service: Service, only: string): FieldError[] {
  const ranges = specOf(service).loadBalancerSourceRanges ?? [];
  const annotation = service.metadata.annotations?.[SOURCE_RANGES]?.trim() ?? '';
  const fromField = ranges.length > 0;
  const path = fromField ? 'spec.LoadBalancerSourceRanges' : keyOf('metadata.annotations', SOURCE_RANGES);
  if (!fromField && annotation === '') return [];
  const errors = isType(service, 'LoadBalancer') ? [] : [forbidden(path, only)];
  const texts = fromField ? ranges : annotation.split(',');
  const pathOf = (i: number): string => (fromField ? `${path}[${i}]` : path);
  return [...errors, ...texts.flatMap((range, i) => validateCIDR(pathOf(i), range.trim()))];
}

function validateLoadBalancer(service: Service): FieldError[] {
  const spec = specOf(service);
  const balanced = isType(service, 'LoadBalancer');
  const errors: FieldError[] = [];
  const only = "may only be used when `type` is 'LoadBalancer'";
  errors.push(...validateSourceRanges(service, only));
  if (!balanced && spec.allocateLoadBalancerNodePorts !== undefined) {
    errors.push(forbidden('spec.allocateLoadBalancerNodePorts', only));
  }
  if (!balanced && spec.loadBalancerClass !== undefined) errors.push(forbidden('spec.loadBalancerClass', only));
  if (balanced && spec.loadBalancerClass !== undefined) {
    errors.push(
      ...invalidEach('spec.loadBalancerClass', spec.loadBalancerClass, qualifiedName(spec.loadBalancerClass)),
    );
  }
  return errors;
}

function validatePolicies(service: Service): FieldError[] {
  const spec = specOf(service);
  const errors: FieldError[] = [];
  const external = 'spec.externalTrafficPolicy';
  if (isExternallyAccessible(service)) errors.push(...oneOf(external, spec.externalTrafficPolicy, POLICIES));
  else if (spec.externalTrafficPolicy) {
    const detail = 'may only be set for externally-accessible services';
    errors.push(invalid(external, spec.externalTrafficPolicy, detail));
  }
  if (!needsHealthPort(service) && spec.healthCheckNodePort) {
    const detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
    errors.push(invalid('spec.healthCheckNodePort', spec.healthCheckNodePort, detail));
  }
  if (spec.internalTrafficPolicy !== undefined && !POLICIES.includes(spec.internalTrafficPolicy)) {
    errors.push(notSupported('spec.internalTrafficPolicy', spec.internalTrafficPolicy, POLICIES));
  }
  const distribution = spec.trafficDistribution;
  if (distribution !== undefined && !DISTRIBUTIONS.includes(distribution)) {
    errors.push(notSupported('spec.trafficDistribution', distribution, DISTRIBUTIONS));
  }
  return errors;
}

/** A Service that is created or updated. `families` are the cluster's. */
export function validateService(service: Service, families: readonly string[]): FieldError[] {
  const spec = specOf(service);
  return [
    ...validateMeta(service.metadata, true, nameIsLabel),
    ...validatePorts(service),
    ...validateLabels(spec.selector, 'spec.selector'),
    ...validateAffinity(service),
    ...validateFamilies(service, families),
    ...(spec.externalIPs ?? []).flatMap((ip, i) => validateEndpointIP(`spec.externalIPs[${i}]`, ip)),
    ...validateType(service),
    ...validatePortPairs(service),
    ...validateLoadBalancer(service),
    ...validatePolicies(service),
  ];
}

/** What an update may not change. */
export function validateServiceUpdate(service: Service, old: Service): FieldError[] {
  const errors = [...validateMetaUpdate(service.metadata, old.metadata), ...validateFamiliesUpdate(service, old)];
  const { loadBalancerClass, healthCheckNodePort } = specOf(service);
  if (
    isType(old, 'LoadBalancer') &&
    isType(service, 'LoadBalancer') &&
    loadBalancerClass !== old.spec?.loadBalancerClass
  ) {
    errors.push(invalid('spec.loadBalancerClass', loadBalancerClass, 'may not change once set'));
  }
  const kept = needsHealthPort(old) && needsHealthPort(service);
  if (kept && healthCheckNodePort !== old.spec?.healthCheckNodePort) {
    errors.push(forbidden('spec.healthCheckNodePort', 'field is immutable'));
  }
  return errors;
}
