/** A new pod that names a RuntimeClass costs what that says, and runs where that can. */
import { pods, runtimeClasses } from '../../api/resources.ts';
import { sameQuantity, tryParseQuantity } from '../../api/quantity.ts';
import type { Pod, PodSpec, Quantity, Scheduling } from '../../api/types.gen.ts';
import type { StrategyContext } from '../resource.ts';
import { forbiddenObject } from '../validation/refusal.ts';
import { same } from '../validation/same.ts';

type Resources = Readonly<Record<string, Quantity>>;

function refuse({ metadata }: Pod, why: string): never {
  throw forbiddenObject(pods, metadata.name ?? metadata.generateName ?? '', why);
}

function isSame(a: Resources, b: Resources): boolean {
  const equal = (x: Quantity | undefined, y: Quantity): boolean =>
    x !== undefined && tryParseQuantity(x) !== undefined && sameQuantity(x, y);
  return Object.keys(a).length === Object.keys(b).length && Object.entries(b).every(([name, y]) => equal(a[name], y));
}

function setOverhead(pod: Pod, spec: PodSpec, podFixed: Resources | undefined): void {
  const given = spec.overhead ?? {};
  if (podFixed === undefined) {
    if (spec.overhead !== undefined)
      refuse(pod, 'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead');
    return;
  }
  if (Object.keys(given).length > 0 && !isSame(given, podFixed))
    refuse(pod, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead");
  spec.overhead = { ...podFixed };
}

function setScheduling(pod: Pod, spec: PodSpec, { nodeSelector = {}, tolerations = [] }: Scheduling): void {
  for (const [key, value] of Object.entries(nodeSelector)) {
    const given = spec.nodeSelector?.[key];
    if (given === undefined || given === value) continue;
    const ours = `runtimeClass.scheduling.nodeSelector[${key}] = ${value}`;
    refuse(pod, `conflict: ${ours}; pod.spec.nodeSelector[${key}] = ${given}`);
  }
  if (Object.keys(nodeSelector).length > 0) spec.nodeSelector = { ...spec.nodeSelector, ...nodeSelector };
  const given = spec.tolerations ?? [];
  const missing = tolerations.filter((each) => !given.some((own) => same(own, each)));
  if (missing.length > 0) spec.tolerations = [...given, ...missing];
}

/** Throws 403 for a class that there is not, and for a pod that contradicts its class. */
export function withRuntimeClass(pod: Pod, { lookup }: StrategyContext): void {
  const spec = (pod.spec ??= { containers: [] });
  const name = spec.runtimeClassName;
  const runtimeClass = name === undefined ? undefined : lookup.get(runtimeClasses, { name });
  if (name !== undefined && runtimeClass === undefined)
    refuse(pod, `pod rejected: RuntimeClass ${JSON.stringify(name)} not found`);
  setOverhead(pod, spec, runtimeClass?.overhead?.podFixed);
  setScheduling(pod, spec, runtimeClass?.scheduling ?? {});
}
