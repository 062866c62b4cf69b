/** What a balancer may write into a Service's status. */
import { familyOf } from '../../../api/addresses.ts';
import type { LoadBalancerIngress, Service } from '../../../api/types.gen.ts';
import type { FieldError } from '../../resource.ts';
import { validateIP } from '../../validation/addresses.ts';
import { forbidden, invalid, invalidEach, notSupported, required } from '../../validation/field-error.ts';
import { dnsSubdomain } from '../../validation/names.ts';
import { isType } from './kinds.ts';

const MODES = ['Proxy', 'VIP'];

function validateMode({ ip, ipMode }: LoadBalancerIngress, path: string): FieldError[] {
  if (ipMode === undefined) return ip ? [required(path, 'must be specified when `ip` is set')] : [];
  if (!ip) return [forbidden(path, 'may not be specified when `ip` is not set')];
  return MODES.includes(ipMode) ? [] : [notSupported(path, ipMode, MODES)];
}

function validateHostname({ hostname }: LoadBalancerIngress, path: string): FieldError[] {
  if (!hostname) return [];
  const isAddress = familyOf(hostname) !== undefined;
  return [
    ...invalidEach(path, hostname, dnsSubdomain(hostname)),
    ...(isAddress ? [invalid(path, hostname, 'must be a DNS name, not an IP address')] : []),
  ];
}

/** Addresses that stood there already are not looked at again. */
export function validateServiceStatus(service: Service, old: Service): FieldError[] {
  const path = 'status.loadBalancer.ingress';
  const ingress = service.status?.loadBalancer?.ingress ?? [];
  if (ingress.length > 0 && !isType(service, 'LoadBalancer')) {
    return [forbidden(path, "may only be used when `spec.type` is 'LoadBalancer'")];
  }
  const known = (old.status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip);
  return ingress.flatMap((each, i) => [
    ...(each.ip && !known.includes(each.ip) ? validateIP(`${path}[${i}].ip`, each.ip) : []),
    ...validateMode(each, `${path}[${i}].ipMode`),
    ...validateHostname(each, `${path}[${i}].hostname`),
  ]);
}
