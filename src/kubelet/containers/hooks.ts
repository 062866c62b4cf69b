/** What a container wants done once it has begun, and before it is told to stop. */
import type { Logger } from '../../api/logger.ts';
import type { Container, Lifecycle, Pod } from '../../api/types.gen.ts';
import type { ContainerStatus, RuntimeService } from '../../runtime/contract.ts';
import type { PodEvents } from '../pods/pod-events.ts';
import { portOf, sendGet } from '../probes/http-get.ts';

export interface HookDeps {
  readonly runtime: RuntimeService;
  readonly events: PodEvents;
  readonly logger: Logger;
}

/** The container that a hook is of. */
export interface HookPlace {
  readonly id: string;
  readonly spec: Container;
  readonly podIP: string;
}

type Handler = NonNullable<Lifecycle['preStop']>;

/** What no grace bounds: an answer by HTTP comes within this. A command may take as long as its container runs, as upstream has it. */
const longestGetSeconds = 60;

function sleep(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

/** Rejects when it failed. Whatever is answered by HTTP will do: a hook tells, and asks nothing. */
async function runHandler(
  { exec, httpGet, sleep: pause }: Handler,
  runtime: RuntimeService,
  { id, spec, podIP }: HookPlace,
  limitSeconds: number | undefined,
): Promise<void> {
  if (exec !== undefined) {
    const { exitCode } = await runtime.execSync(id, exec.command ?? [], limitSeconds ?? 0);
    if (exitCode !== 0) throw new Error(`exit code ${exitCode}`);
  } else if (httpGet !== undefined) {
    const port = portOf(spec, httpGet.port);
    if (port === undefined) throw new Error(`the container has no port ${httpGet.port}`);
    const seconds = limitSeconds ?? longestGetSeconds;
    await sendGet(httpGet, { port, podIP, seconds, userAgent: 'kube-lifecycle/1.36' });
  } else if (pause !== undefined) {
    await sleep(Math.min(pause.seconds, limitSeconds ?? pause.seconds));
  }
}

/** The container of this name as the pod asks for it; ephemeral ones have no hooks. */
export function containerSpec(pod: Pod, name: string): Container | undefined {
  return [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])].find((each) => each.name === name);
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Runs the preStop hook for at most `graceSeconds`. Never rejects: a failed hook does not keep a container alive. */
export async function runPreStop(
  deps: HookDeps,
  pod: Pod,
  { container, podIP }: { readonly container: ContainerStatus; readonly podIP: string },
  graceSeconds: number,
): Promise<void> {
  const spec = containerSpec(pod, container.name);
  const hook = spec?.lifecycle?.preStop;
  if (spec === undefined || hook === undefined || graceSeconds <= 0) return;
  try {
    await runHandler(hook, deps.runtime, { id: container.id, spec, podIP }, graceSeconds);
  } catch (error) {
    deps.events.warning(pod, 'FailedPreStopHook', `PreStopHook failed: ${textOf(error)}`);
  }
}

/** Runs the postStart hook. Resolves with whether the container may go on; a failure is told as an Event. */
export async function runPostStart(deps: HookDeps, pod: Pod, place: HookPlace): Promise<boolean> {
  const hook = place.spec.lifecycle?.postStart;
  if (hook === undefined) return true;
  try {
    await runHandler(hook, deps.runtime, place, undefined);
    return true;
  } catch (error) {
    deps.events.warning(pod, 'FailedPostStartHook', `PostStartHook failed: ${textOf(error)}`);
    return false;
  }
}
