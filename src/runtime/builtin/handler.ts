/** The one handler of RuntimeClasses that there is here: the OCI runtime that this node uses, by its name. */
import type { PodSandboxConfig } from '../contract.ts';
import { RuntimeError } from '../errors.ts';

/** Throws when the pod is for another runtime: who wants a stronger wall does not get this one. */
export function refuseOtherHandler(ours: string, { runtimeHandler, pod }: PodSandboxConfig): void {
  if (runtimeHandler === undefined || runtimeHandler === ours) return;
  const wanted = JSON.stringify(runtimeHandler);
  throw new RuntimeError(`pod ${pod.namespace}/${pod.name}: no runtime for handler ${wanted} here, only ${ours}`);
}
