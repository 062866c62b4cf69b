/** What `/metrics` tells, under upstream's names (kubernetes/kubernetes pkg/kubelet/metrics). */
import { addProcess, createRegistry } from '../../api/metrics-registry.ts';
import type { ContainerStatus, RuntimeService } from '../../runtime/contract.ts';

const states: readonly ContainerStatus['state'][] = ['created', 'running', 'exited', 'unknown'];

/** Answers the text; what runs is looked up each time. */
export function createKubeletMetrics(runtime: RuntimeService): () => Promise<string> {
  const registry = createRegistry();
  const pods = registry.gauge('kubelet_running_pods', 'Number of pods that have a running pod sandbox');
  const containers = registry.gauge('kubelet_running_containers', 'Number of containers, by their state');
  addProcess(registry);
  return async () => {
    const [sandboxes, all] = await Promise.all([runtime.listPodSandboxes(), runtime.listContainers()]);
    pods.set(sandboxes.filter(({ state }) => state === 'ready').length);
    for (const state of states) {
      containers.set(all.filter((container) => container.state === state).length, { container_state: state });
    }
    return registry.text();
  };
}
