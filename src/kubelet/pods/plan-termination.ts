/**
 * How a pod ends: its containers first, all at once; then its sidecars, the last one first; then the sandbox. Pure; each
 * step is carried out in the background and its end leads to the next plan.
 */
import type { Pod } from '../../api/types.gen.ts';
import type { ContainerStatus } from '../../runtime/contract.ts';
import { isSidecar } from './restart-policy.ts';
import { isAlive, type PodView } from './view.ts';

export interface TerminationInput {
  readonly pod: Pod;
  readonly view: PodView;
  /** When everything must be dead, ms since 1970. */
  readonly deadlineMs: number;
  readonly nowMs: number;
  /** Containers being stopped already, and the moment at which each is killed the hard way. */
  readonly stopping: ReadonlyMap<string, number>;
  /** New connections may still come to it: nothing is told to stop yet, no preStop hook either. */
  readonly leaving: boolean;
}

export interface TerminationStep {
  /** Stop these; `graceSeconds` is what is left of the pod's grace. */
  readonly stop: readonly { readonly container: ContainerStatus; readonly graceSeconds: number }[];
  /** Nothing runs any more: the sandboxes can go. */
  readonly done: boolean;
}

/** A sidecar gets this much even when the others used up the pod's grace. */
const minSidecarGraceMs = 2_000;

/** Containers that are told to stop now; empty once all are dead. */
function nextToStop(pod: Pod, alive: readonly ContainerStatus[]): readonly ContainerStatus[] {
  const sidecars = (pod.spec?.initContainers ?? []).filter(isSidecar).map((container) => container.name);
  const others = alive.filter((container) => !sidecars.includes(container.name));
  if (others.length > 0) return others;
  const last = sidecars.findLast((name) => alive.some((container) => container.name === name));
  return alive.filter((container) => container.name === last);
}

/** The next step of a pod that is going away. A shorter grace than before is passed on to what is stopping already. */
export function planTermination(input: TerminationInput): TerminationStep {
  const { pod, view, deadlineMs, nowMs, stopping, leaving } = input;
  const alive = view.containers.filter((container) => container.sandboxId !== '' && isAlive(container));
  if (leaving) return { stop: [], done: alive.length === 0 };
  const sidecarNames = new Set((pod.spec?.initContainers ?? []).filter(isSidecar).map(({ name }) => name));
  const stop = nextToStop(pod, alive).flatMap((container) => {
    const least = sidecarNames.has(container.name) ? Math.min(minSidecarGraceMs, graceMs(pod)) : 0;
    const killAt = Math.max(deadlineMs, nowMs + least);
    const planned = stopping.get(container.id);
    if (planned !== undefined && planned <= killAt + 500) return [];
    return [{ container, graceSeconds: Math.max(0, Math.ceil((killAt - nowMs) / 1000)) }];
  });
  return { stop, done: alive.length === 0 };
}

/** The pod's whole grace in ms: what its deletion asked for, or its spec. */
export function graceMs(pod: Pod): number {
  return (pod.metadata.deletionGracePeriodSeconds ?? pod.spec?.terminationGracePeriodSeconds ?? 30) * 1000;
}
