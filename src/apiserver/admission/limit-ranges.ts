/** New pods within the LimitRanges of their namespace: filled with their defaults first, then held against all of them. */
import { limitRanges, pods } from '../../api/resources.ts';
import { addQuantities, compareQuantities, quantityMilliValue, tryParseQuantity } from '../../api/quantity.ts';
import type {
  Container,
  LimitRange,
  LimitRangeItem,
  Pod,
  Quantity,
  ResourceRequirements,
} from '../../api/types.gen.ts';
import type { StrategyContext } from '../resource.ts';
import { forbiddenObject } from '../validation/refusal.ts';

/** Where `kubectl describe` shows what was filled in. */
const annotation = 'kubernetes.io/limit-ranger';

type Resources = Readonly<Record<string, Quantity>>;

interface Demand {
  readonly requests: Resources;
  readonly limits: Resources;
}

/** Fills in place; answers the names of what it filled. */
function fill(resources: ResourceRequirements, list: keyof Demand, defaults: Resources | undefined): string[] {
  const missing = Object.entries(defaults ?? {}).filter(([name]) => resources[list]?.[name] === undefined);
  if (missing.length > 0) resources[list] = { ...resources[list], ...Object.fromEntries(missing) };
  return missing.map(([name]) => name).sort();
}

function fillContainer(container: Container, what: string, item: LimitRangeItem): string[] {
  const resources = (container.resources ??= {});
  const limits = fill(resources, 'limits', item.default);
  const requests = fill(resources, 'requests', item.defaultRequest);
  return [
    ...(requests.length === 0 ? [] : [`${requests.join(', ')} request for ${what} ${container.name}`]),
    ...(limits.length === 0 ? [] : [`${limits.join(', ')} limit for ${what} ${container.name}`]),
  ];
}

function fillPod(pod: Pod, item: LimitRangeItem): void {
  const filled = [
    ...(pod.spec?.containers ?? []).flatMap((container) => fillContainer(container, 'container', item)),
    ...(pod.spec?.initContainers ?? []).flatMap((container) => fillContainer(container, 'init container', item)),
  ];
  if (filled.length === 0) return;
  const annotations = (pod.metadata.annotations ??= {});
  annotations[annotation] = `LimitRanger plugin set: ${filled.join('; ')}`;
}

/** What cannot be read counts as nothing here: validation refuses it. */
function readable(list: Resources | undefined): Resources {
  return Object.fromEntries(Object.entries(list ?? {}).filter(([, value]) => tryParseQuantity(value) !== undefined));
}

const demandOf = ({ resources }: Pick<Container, 'resources'>): Demand => ({
  requests: readable(resources?.requests),
  limits: readable(resources?.limits),
});

function combine(a: Resources, b: Resources, of: (x: Quantity, y: Quantity) => Quantity): Resources {
  const result: Record<string, Quantity> = { ...a };
  for (const [name, value] of Object.entries(b)) result[name] = of(result[name] ?? '0', value);
  return result;
}

const plus = (a: Resources, b: Resources): Resources => combine(a, b, (x, y) => addQuantities(x, y));
const most = (a: Resources, b: Resources): Resources => combine(a, b, (x, y) => (compareQuantities(x, y) < 0 ? y : x));

/** Init containers run one after the other, beside the sidecars before them; then the containers beside all sidecars (KEP-753). */
function sumOf(pod: Pod, list: keyof Demand): Resources {
  let sidecars: Resources = {};
  let start: Resources = {};
  for (const container of pod.spec?.initContainers ?? []) {
    const own = demandOf(container)[list];
    if (container.restartPolicy === 'Always') sidecars = plus(sidecars, own);
    start = most(start, container.restartPolicy === 'Always' ? sidecars : plus(sidecars, own));
  }
  const running = (pod.spec?.containers ?? []).map((container) => demandOf(container)[list]).reduce(plus, sidecars);
  return { ...most(running, start), ...readable(pod.spec?.resources?.[list]) };
}

/** Which of an item's bounds this demand breaks, in upstream's words; `of` is `Container` or `Pod`. */
function breaches(of: string, item: LimitRangeItem, { requests, limits }: Demand): string[] {
  const isLess = (a: Quantity | undefined, b: Quantity): boolean => a !== undefined && compareQuantities(a, b) < 0;
  const isMore = (a: Quantity | undefined, b: Quantity): boolean => a !== undefined && compareQuantities(a, b) > 0;
  const minima = Object.entries(item.min ?? {}).flatMap(([name, min]) => {
    const text = `minimum ${name} usage per ${of} is ${min}`;
    if (requests[name] === undefined) return [`${text}.  No request is specified`];
    if (isLess(requests[name], min)) return [`${text}, but request is ${requests[name]}`];
    return isLess(limits[name], min) ? [`${text}, but limit is ${limits[name]}`] : [];
  });
  const maxima = Object.entries(item.max ?? {}).flatMap(([name, max]) => {
    const text = `maximum ${name} usage per ${of} is ${max}`;
    if (limits[name] === undefined) return [`${text}.  No limit is specified`];
    if (isMore(limits[name], max)) return [`${text}, but limit is ${limits[name]}`];
    return isMore(requests[name], max) ? [`${text}, but request is ${requests[name]}`] : [];
  });
  return [...minima, ...maxima, ...ratioBreaches(of, item, { requests, limits })];
}

function ratioBreaches(of: string, item: LimitRangeItem, { requests, limits }: Demand): string[] {
  return Object.entries(item.maxLimitRequestRatio ?? {}).flatMap(([name, ratio]) => {
    const text = `${name} max limit to request ratio per ${of} is ${ratio}`;
    const [request, limit] = [requests, limits].map((list) => quantityMilliValue(list[name] ?? 0));
    if (!request) return [`${text}, but no request is specified or request is 0`];
    if (!limit) return [`${text}, but no limit is specified or limit is 0`];
    const is = limit / request;
    return is * 1000 > quantityMilliValue(ratio) ? [`${text}, but provided ratio is ${is.toFixed(6)}`] : [];
  });
}

function breachesOf(pod: Pod, item: LimitRangeItem): string[] {
  if (item.type === 'Pod') {
    return breaches(item.type, item, { requests: sumOf(pod, 'requests'), limits: sumOf(pod, 'limits') });
  }
  if (item.type !== 'Container') return [];
  const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  return containers.flatMap((container) => breaches(item.type, item, demandOf(container)));
}

const itemsOf = ({ spec }: LimitRange): readonly LimitRangeItem[] => spec?.limits ?? [];

/** Throws 403 when the pod asks for more or less than it may. */
export function withinLimits(pod: Pod, { lookup }: StrategyContext): void {
  const { namespace, name, generateName = '' } = pod.metadata;
  const items = lookup.list(limitRanges, namespace).map(itemsOf);
  for (const item of items.flat()) if (item.type === 'Container') fillPod(pod, item);
  for (const each of items) {
    const broken = each.flatMap((item) => breachesOf(pod, item));
    const [only] = broken;
    if (only === undefined) continue;
    throw forbiddenObject(pods, name ?? generateName, broken.length === 1 ? only : `[${broken.join(', ')}]`);
  }
}
