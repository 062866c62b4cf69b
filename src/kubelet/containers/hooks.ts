/** What a container wants done before it is told to stop. */
import type { Logger } from '../../api/logger.ts';
import type { Pod } from '../../api/types.gen.ts';
import type { ContainerStatus, RuntimeService } from '../../runtime/contract.ts';
import type { PodEvents } from '../pods/pod-events.ts';

export interface HookDeps {
  readonly runtime: RuntimeService;
  readonly events: PodEvents;
  readonly logger: Logger;
}

function sleep(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

/** Runs the preStop hook (exec and sleep) for at most `graceSeconds`. Never rejects: a failed hook does not keep a container alive. */
export async function runPreStop(
  deps: HookDeps,
  pod: Pod,
  container: ContainerStatus,
  graceSeconds: number,
): Promise<void> {
  const spec = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])].find(
    ({ name }) => name === container.name,
  );
  const hook = spec?.lifecycle?.preStop;
  if (hook === undefined || graceSeconds <= 0) return;
  try {
    if (hook.exec !== undefined) {
      const { exitCode } = await deps.runtime.execSync(container.id, hook.exec.command ?? [], graceSeconds);
      if (exitCode !== 0) throw new Error(`exit code ${exitCode}`);
    } else if (hook.sleep !== undefined) {
      await sleep(Math.min(hook.sleep.seconds, graceSeconds));
    }
  } catch (error) {
    deps.events.warning(
      pod,
      'FailedPreStopHook',
      `PreStopHook failed: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
