/** Requests and limits of containers, and the QoS class that follows from them. */
import { canonicalQuantity, compareQuantities, parseQuantity, tryParseQuantity } from '../../../api/quantity.ts';
import type { Pod, Quantity, ResourceRequirements } from '../../../api/types.gen.ts';
import type { FieldError } from '../../resource.ts';
import { invalid, invalidEach, keyOf, required } from '../../validation/field-error.ts';
import { qualifiedName } from '../../validation/names.ts';

type Resources = Readonly<Record<string, Quantity>>;

const STANDARD = ['cpu', 'memory', 'ephemeral-storage'];

const isHugePages = (name: string): boolean => name.startsWith('hugepages-');
/** Resources of which more may be promised than there is: requests may be less than limits. */
const mayOvercommit = (name: string): boolean => STANDARD.includes(name);

/** The name of something that a container may ask for. */
export function validateResourceName(name: string, path: string): FieldError[] {
  const errors = invalidEach(path, name, qualifiedName(name));
  if (errors.length > 0 || name.includes('/') || STANDARD.includes(name) || isHugePages(name)) return errors;
  return [
    invalid(path, name, 'must be a standard resource type or fully qualified'),
    invalid(path, name, 'must be a standard resource for containers'),
  ];
}

/** A resource quantity: well-formed, not negative, whole where the resource comes in whole pieces. */
export function validateQuantity(name: string, value: Quantity, path: string): FieldError[] {
  const parsed = tryParseQuantity(value);
  if (parsed === undefined) {
    const detail = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
    return [invalid(path, value, detail)];
  }
  if (parsed.nano < 0n) return [invalid(path, String(value), 'must be greater than or equal to 0')];
  const whole = name.includes('/') || isHugePages(name);
  return whole && parsed.nano % 1_000_000_000n !== 0n ? [invalid(path, value, 'must be an integer')] : [];
}

function validateList(list: Resources | undefined, path: string): FieldError[] {
  return Object.entries(list ?? {}).flatMap(([name, value]) => [
    ...validateResourceName(name, keyOf(path, name)),
    ...validateQuantity(name, value, keyOf(path, name)),
  ]);
}

function validateAgainstLimit(
  name: string,
  request: Quantity,
  limit: Quantity | undefined,
  path: string,
): FieldError[] {
  if (tryParseQuantity(request) === undefined || (limit !== undefined && tryParseQuantity(limit) === undefined)) {
    return [];
  }
  if (limit === undefined) {
    const detail = 'Limit must be set for non overcommitable resources';
    return mayOvercommit(name) ? [] : [required(`${path}.limits`, detail)];
  }
  const order = compareQuantities(request, limit);
  const rule = mayOvercommit(name) ? 'less than or equal to' : 'equal to';
  const fine = mayOvercommit(name) ? order <= 0 : order === 0;
  return fine ? [] : [invalid(`${path}.requests`, String(request), `must be ${rule} ${name} limit of ${limit}`)];
}

/** Names, quantities, and requests against limits. */
export function validateResources(resources: ResourceRequirements | undefined, path: string): FieldError[] {
  const { requests = {}, limits = {} } = resources ?? {};
  const errors = [...validateList(limits, `${path}.limits`), ...validateList(requests, `${path}.requests`)];
  for (const [name, request] of Object.entries(requests)) {
    errors.push(...validateAgainstLimit(name, request, limits[name], path));
  }
  return errors;
}

/** Quantities in the form in which the API answers them: `0.5` becomes `500m`. Malformed ones stay for validation. */
export function canonicalResources(list: Record<string, Quantity> | undefined): void {
  for (const [name, value] of Object.entries(list ?? {})) {
    if (list !== undefined && tryParseQuantity(value) !== undefined) list[name] = canonicalQuantity(value);
  }
}

interface Totals {
  readonly requests: Map<string, bigint>;
  readonly limits: Map<string, bigint>;
}

function add(totals: Map<string, bigint>, list: Resources | undefined): number {
  let found = 0;
  for (const name of ['cpu', 'memory']) {
    const value = list?.[name];
    const nano = value === undefined || tryParseQuantity(value) === undefined ? 0n : parseQuantity(value).nano;
    if (nano <= 0n) continue;
    totals.set(name, (totals.get(name) ?? 0n) + nano);
    found += 1;
  }
  return found;
}

function isGuaranteed({ requests, limits }: Totals): boolean {
  return requests.size === limits.size && [...requests].every(([name, nano]) => limits.get(name) === nano);
}

/** The pod's own resources where it has some, else those of its containers. */
function partsOf({ spec }: Pod): readonly (ResourceRequirements | undefined)[] {
  if (spec?.resources?.limits !== undefined || spec?.resources?.requests !== undefined) return [spec.resources];
  return [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].map((container) => container.resources);
}

/**
 * Guaranteed: every container has cpu and memory limits and asks for just that. BestEffort: nobody asks for any. Else
 * Burstable. Resources of the pod as a whole, where given, take the containers' place.
 */
export function qosClass(pod: Pod): string {
  const totals: Totals = { requests: new Map(), limits: new Map() };
  let allLimited = true;
  for (const part of partsOf(pod)) {
    add(totals.requests, part?.requests);
    if (add(totals.limits, part?.limits) < 2) allLimited = false;
  }
  if (totals.requests.size === 0 && totals.limits.size === 0) return 'BestEffort';
  return allLimited && isGuaranteed(totals) ? 'Guaranteed' : 'Burstable';
}
