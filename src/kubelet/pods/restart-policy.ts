/** Which containers are started again after they ended. */
import type { Container, Pod } from '../../api/types.gen.ts';

/** An init container that goes on running beside the pod's containers (KEP-753). */
export function isSidecar(container: Container): boolean {
  return container.restartPolicy === 'Always';
}

function ruleMatches(container: Container, exitCode: number): boolean {
  return (container.restartPolicyRules ?? []).some(({ action, exitCodes }) => {
    if (action !== 'Restart' || exitCodes === undefined) return false;
    const listed = (exitCodes.values ?? []).includes(exitCode);
    return exitCodes.operator === 'In' ? listed : !listed;
  });
}

/**
 * Whether a container of the pod that ended with `exitCode` runs again. The container's own policy and rules (KEP-5307)
 * stand before the pod's; an init container under `Always` runs again only after a failure.
 */
export function shouldRestart(pod: Pod, container: Container, exitCode: number): boolean {
  if (ruleMatches(container, exitCode)) return true;
  const policy = container.restartPolicy ?? pod.spec?.restartPolicy ?? 'Always';
  if (policy === 'Never') return false;
  const isInit = (pod.spec?.initContainers ?? []).some((init) => init.name === container.name);
  if (policy === 'OnFailure' || (isInit && !isSidecar(container))) return exitCode !== 0;
  return true;
}

/** Whether a container that is killed while it runs (a failed probe) is started again. */
export function restartsAfterKill(pod: Pod, container: Container): boolean {
  return (container.restartPolicy ?? pod.spec?.restartPolicy) !== 'Never';
}
