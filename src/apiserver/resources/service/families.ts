/**
 * Address families of a Service, by what it asks for and what the cluster has (KEP-563): `clusterIP` and `clusterIPs` are
 * brought into step, `ipFamilyPolicy` and `ipFamilies` filled.
 */
import { familyOf } from '../../../api/addresses.ts';
import type { Service, ServiceSpec } from '../../../api/types.gen.ts';
import { fillEmpty } from '../fill.ts';
import { same } from '../../validation/same.ts';
import { isHeadless, needsClusterIP, specOf } from './kinds.ts';

export const familyName = (address: string): string => (familyOf(address) === 6 ? 'IPv6' : 'IPv4');
const otherFamily = (family: string): string => (family === 'IPv4' ? 'IPv6' : 'IPv4');

/** Whether both write the same cluster addresses, in the singular and in the plural field. */
export function sameClusterIPs(a: Service, b: Service): boolean {
  return (
    (a.spec?.clusterIP ?? '') === (b.spec?.clusterIP ?? '') && same(a.spec?.clusterIPs ?? [], b.spec?.clusterIPs ?? [])
  );
}

const clusterAddresses = ({ spec }: Service): { one: string; all: readonly string[] } => ({
  one: spec?.clusterIP ?? '',
  all: spec?.clusterIPs ?? [],
});

/** Clients that know only `clusterIP` mean the first of `clusterIPs`. */
export function alignClusterIPs(service: Service, old: Service | undefined): void {
  const spec = specOf(service);
  const { one, all } = clusterAddresses(service);
  const before = clusterAddresses(old ?? service);
  if (old === undefined) {
    if (one !== '' && all.length === 0) spec.clusterIPs = [one];
  } else if (one === before.one) {
    if (all.length === 0 && before.all.length > 0) spec.clusterIPs = [...before.all];
  } else if (same(all, before.all)) {
    if (one === '') delete spec.clusterIPs;
    else spec.clusterIPs = [one];
  }
}

function setPolicy(spec: ServiceSpec, old: Service | undefined): void {
  const kept = old?.spec?.ipFamilyPolicy;
  fillEmpty(spec, { ipFamilyPolicy: kept ?? (isHeadlessAlone(spec) ? 'RequireDualStack' : 'SingleStack') });
}

/** Asking for one family is a clear word: what is second goes. */
function reduceToOne(service: Service, old: Service): void {
  const spec = specOf(service);
  if (spec.ipFamilyPolicy !== 'SingleStack') return;
  if (sameClusterIPs(service, old) && spec.clusterIPs !== undefined) spec.clusterIPs = spec.clusterIPs.slice(0, 1);
  if (same(spec.ipFamilies, old.spec?.ipFamilies) && spec.ipFamilies !== undefined) {
    spec.ipFamilies = spec.ipFamilies.slice(0, 1);
  }
}

/** Headless without a selector: somebody else writes the endpoints, of whatever family. */
const isHeadlessAlone = ({ clusterIP, selector }: ServiceSpec): boolean =>
  clusterIP === 'None' && Object.keys(selector ?? {}).length === 0;

/** The families asked for, and those of the addresses asked for. */
function chosenFamilies({ ipFamilies = [], clusterIPs = [] }: ServiceSpec): string[] {
  const implied = clusterIPs.slice(ipFamilies.length).filter((address) => familyOf(address) !== undefined);
  return [...ipFamilies, ...new Set(implied.map(familyName).filter((family) => !ipFamilies.includes(family)))];
}

/**
 * A cluster may become one of two families, or stop being one, while the Service stands: PreferDualStack alone changes
 * nothing then, only a change of the Service's own words does.
 */
function isLeftAlone(service: Service, old: Service | undefined): boolean {
  if (old === undefined || !needsClusterIP(old) || isHeadless(service)) return false;
  const prefers = [service, old].every(({ spec }) => spec?.ipFamilyPolicy === 'PreferDualStack');
  return prefers && sameClusterIPs(service, old) && same(service.spec?.ipFamilies, old.spec?.ipFamilies);
}

/** Taking the second family away without asking for one: validation says so, and nothing is filled that would hide it. */
function isReduced({ ipFamilies = [], ipFamilyPolicy }: ServiceSpec, old: Service | undefined): boolean {
  return ipFamilyPolicy !== 'SingleStack' && ipFamilies.length === 1 && old?.spec?.ipFamilies?.length === 2;
}

/** Fills policy and families. `families` are the cluster's, the first being its default. */
export function setFamilies(service: Service, old: Service | undefined, families: readonly string[]): void {
  if (!needsClusterIP(service) || isLeftAlone(service, old)) return;
  const spec = specOf(service);
  setPolicy(spec, old);
  if (old !== undefined) reduceToOne(service, old);
  if (isReduced(spec, old)) return;
  const chosen = chosenFamilies(spec);
  const [first = families[0] ?? 'IPv4'] = chosen;
  const dual = spec.ipFamilyPolicy !== 'SingleStack' && (isHeadlessAlone(spec) || families.length === 2);
  spec.ipFamilies = chosen.length < 2 ? (dual ? [first, otherFamily(first)] : [first]) : chosen;
}
