/** clusterIP, clusterIPs, ipFamilies and ipFamilyPolicy, which must say the same. */
import type { Service } from '../../../api/types.gen.ts';
import type { FieldError } from '../../resource.ts';
import { oneOfEachFamily, validateIP } from '../../validation/addresses.ts';
import { duplicate, invalid, notSupported, required } from '../../validation/field-error.ts';
import { familyName } from './families.ts';
import { isHeadless, needsClusterIP, specOf } from './kinds.ts';

const FAMILIES = ['IPv4', 'IPv6'];
const POLICIES = ['PreferDualStack', 'RequireDualStack', 'SingleStack'];

function validateInStep(service: Service): FieldError[] {
  const { clusterIP, clusterIPs = [] } = specOf(service);
  const path = 'spec.clusterIPs';
  if (!clusterIP) {
    const detail = 'must be empty when `clusterIP` is not specified';
    return clusterIPs.length > 0 ? [invalid(path, clusterIPs, detail)] : [];
  }
  if (clusterIPs.length === 0) return [required(path)];
  return clusterIPs[0] === clusterIP ? [] : [invalid(path, clusterIPs, 'first value must match `clusterIP`')];
}

function validateFamilyNames(service: Service): FieldError[] {
  const { ipFamilies = [], ipFamilyPolicy } = specOf(service);
  const errors = ipFamilies.flatMap((family, i) => {
    const path = `spec.ipFamilies[${i}]`;
    if (!FAMILIES.includes(family)) return [notSupported(path, family, FAMILIES)];
    return ipFamilies.indexOf(family) < i ? [duplicate(path, family)] : [];
  });
  if (ipFamilyPolicy !== undefined && !POLICIES.includes(ipFamilyPolicy)) {
    errors.push(notSupported('spec.ipFamilyPolicy', ipFamilyPolicy, POLICIES));
  }
  return errors;
}

function validateAddresses(service: Service): FieldError[] {
  const { clusterIPs = [], ipFamilies = [] } = specOf(service);
  const path = 'spec.clusterIPs';
  if (isHeadless(service)) {
    return clusterIPs.length > 1 ? [invalid(path, clusterIPs, "'None' must be the first and only value")] : [];
  }
  const errors = clusterIPs.flatMap((address, i) => validateIP(`${path}[${i}]`, address));
  if (clusterIPs.length > 2) errors.push(invalid(path, clusterIPs, 'may only hold up to 2 values'));
  if (errors.length > 0) return errors;
  if (!oneOfEachFamily(clusterIPs)) {
    errors.push(invalid(path, clusterIPs, 'may specify no more than one IP for each IP family'));
  }
  for (const [i, address] of clusterIPs.entries()) {
    const family = ipFamilies[i];
    if (family === undefined || !FAMILIES.includes(family) || familyName(address) === family) continue;
    const detail = `expected an ${family} value as indicated by \`ipFamilies[${i}]\``;
    errors.push(invalid(`${path}[${i}]`, address, detail));
  }
  return errors;
}

/** What this cluster can give. */
function validateAgainstCluster(service: Service, families: readonly string[]): FieldError[] {
  const { clusterIPs = [], ipFamilies = [], ipFamilyPolicy, selector = {} } = specOf(service);
  const path = 'spec.ipFamilyPolicy';
  const errors: FieldError[] = [];
  if (ipFamilyPolicy === 'SingleStack') {
    const detail = (what: string): string =>
      `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`;
    if (clusterIPs.length === 2) errors.push(invalid(path, ipFamilyPolicy, detail('cluster IPs')));
    if (ipFamilies.length === 2) errors.push(invalid(path, ipFamilyPolicy, detail('IP families')));
    if (errors.length > 0) return errors;
  }
  // Endpoints that somebody else writes may be of any family.
  if (isHeadless(service) && Object.keys(selector).length === 0) return errors;
  if (ipFamilyPolicy === 'RequireDualStack' && families.length < 2) {
    errors.push(invalid(path, ipFamilyPolicy, 'this cluster is not configured for dual-stack services'));
  }
  for (const [i, family] of ipFamilies.entries()) {
    if (!FAMILIES.includes(family) || families.includes(family)) continue;
    errors.push(invalid(`spec.ipFamilies[${i}]`, family, 'not configured on this cluster'));
  }
  return errors;
}

/** Of a Service that has an address of the cluster or `None`. */
export function validateFamilies(service: Service, families: readonly string[]): FieldError[] {
  if (!needsClusterIP(service)) return [];
  const inStep = validateInStep(service);
  // What follows would only repeat what is wrong here in other words.
  if (inStep.length > 0) return inStep;
  const errors = [...validateFamilyNames(service), ...validateAddresses(service)];
  return errors.length > 0 ? errors : validateAgainstCluster(service, families);
}

function validatePrimary(
  field: 'clusterIPs' | 'ipFamilies',
  now: readonly string[],
  before: readonly string[],
): FieldError[] {
  const errors: FieldError[] = [];
  const what = field === 'clusterIPs' ? 'clusterIP' : 'ipFamily';
  if (before.length > 0 && now.length === 0) {
    errors.push(invalid(`spec.${field}[0]`, now, `primary ${what} can not be unset`));
  }
  const kept = now.length === before.length ? before.length : Math.min(1, now.length, before.length);
  for (let i = 0; i < kept; i += 1) {
    if (now[i] !== before[i]) errors.push(invalid(`spec.${field}[${i}]`, now, 'may not change once set'));
  }
  return errors;
}

/** What is second goes only when one family is asked for. */
function validateRelease(service: Service, old: Service): FieldError[] {
  const { clusterIPs = [], ipFamilies = [], ipFamilyPolicy } = specOf(service);
  const before = specOf(old);
  if (ipFamilyPolicy === 'SingleStack') return [];
  const gone = [
    ...(before.clusterIPs?.length === 2 && clusterIPs.length === 1 ? ['cluster IP'] : []),
    ...(before.ipFamilies?.length === 2 && ipFamilies.length === 1 ? ['IP family'] : []),
  ];
  const detail = (what: string): string => `must be 'SingleStack' to release the secondary ${what}`;
  return gone.map((what) => invalid('spec.ipFamilyPolicy', ipFamilyPolicy, detail(what)));
}

/** The first address and family stay; a second may come. */
export function validateFamiliesUpdate(service: Service, old: Service): FieldError[] {
  if (!needsClusterIP(service) || !needsClusterIP(old)) return [];
  const releases = validateRelease(service, old);
  if (isHeadless(service) && isHeadless(old)) return releases;
  const [now, before] = [specOf(service), specOf(old)];
  const errors = validatePrimary('clusterIPs', now.clusterIPs ?? [], before.clusterIPs ?? []);
  if (isHeadless(service) !== isHeadless(old)) return errors;
  return [...errors, ...validatePrimary('ipFamilies', now.ipFamilies ?? [], before.ipFamilies ?? []), ...releases];
}
