/** The probes of all running containers of the node, and what they say. */
import type { Container, Pod } from '../../api/types.gen.ts';
import type { ContainerStatus, RuntimeService } from '../../runtime/contract.ts';
import type { PodEvents } from '../pods/pod-events.ts';
import { containerIdPrefix, type PodView } from '../pods/view.ts';
import { startProbeLoop, type ProbeKind, type ProbeLoop, type ProbeResult } from './probe-loop.ts';
import { runProbe } from './probe-target.ts';

export interface Prober {
  /** Starts probes for containers that run now, and ends those of containers that do not. */
  follow(pod: Pod, view: PodView): void;
  /** Whether a running container is ready: started, and its readiness probe (if any) succeeds. */
  isReady(containerId: string, container: Container): boolean;
  isStarted(containerId: string, container: Container): boolean;
  /** The probe for which a running container must be killed. */
  failed(containerId: string): 'liveness' | 'startup' | undefined;
  /** The container is being killed: no more liveness and startup probes. */
  stop(containerId: string): void;
  /** Its postStart hook runs: it has not started yet, until `release`. */
  hold(containerId: string): void;
  release(containerId: string): void;
  drop(podUid: string): void;
  /** Ends all probes. */
  close(): void;
}

export interface ProberOptions {
  readonly runtime: RuntimeService;
  readonly events: PodEvents;
  readonly nodeIP: string;
  /** A result changed. */
  readonly onChange: (podUid: string) => void;
}

type Loops = Partial<Record<ProbeKind, ProbeLoop>>;

const titles: Readonly<Record<ProbeKind, string>> = {
  readiness: 'Readiness',
  liveness: 'Liveness',
  startup: 'Startup',
};

function probesOf(container: Container): [ProbeKind, Container['readinessProbe']][] {
  return [
    ['startup', container.startupProbe],
    ['readiness', container.readinessProbe],
    ['liveness', container.livenessProbe],
  ];
}

class Probes implements Prober {
  readonly #options: ProberOptions;
  /** By pod UID, then by container ID. */
  readonly #pods = new Map<string, Map<string, Loops>>();
  readonly #held = new Set<string>();

  constructor(options: ProberOptions) {
    this.#options = options;
  }

  follow(pod: Pod, view: PodView): void {
    const uid = pod.metadata.uid ?? '';
    const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
    const running = new Map(
      view.containers.filter(({ state }) => state === 'running').map((status) => [status.id, status]),
    );
    const known = this.#pods.get(uid) ?? new Map<string, Loops>();
    for (const [id, loops] of known) {
      if (running.has(id)) continue;
      for (const loop of Object.values(loops)) loop.stop();
      known.delete(id);
    }
    for (const [id, status] of running) {
      const container = containers.find(({ name }) => name === status.name);
      if (container === undefined || known.has(id) || probesOf(container).every(([, probe]) => probe === undefined))
        continue;
      known.set(id, this.#start(pod, container, status, this.#addressOf(pod, view)));
    }
    if (known.size > 0) this.#pods.set(uid, known);
    else this.#pods.delete(uid);
  }

  isReady(containerId: string, container: Container): boolean {
    if (!this.isStarted(containerId, container)) return false;
    return container.readinessProbe === undefined || this.#loops(containerId)?.readiness?.result === 'success';
  }

  isStarted(containerId: string, container: Container): boolean {
    if (this.#held.has(containerId)) return false;
    return container.startupProbe === undefined || this.#loops(containerId)?.startup?.result === 'success';
  }

  failed(containerId: string): 'liveness' | 'startup' | undefined {
    const loops = this.#loops(containerId);
    return (['liveness', 'startup'] as const).find((kind) => loops?.[kind]?.result === 'failure');
  }

  stop(containerId: string): void {
    const loops = this.#loops(containerId);
    loops?.liveness?.stop();
    loops?.startup?.stop();
  }

  hold(containerId: string): void {
    this.#held.add(containerId);
  }

  release(containerId: string): void {
    this.#held.delete(containerId);
  }

  drop(podUid: string): void {
    for (const loops of this.#pods.get(podUid)?.values() ?? []) {
      for (const loop of Object.values(loops)) loop.stop();
    }
    this.#pods.delete(podUid);
  }

  close(): void {
    for (const uid of [...this.#pods.keys()]) this.drop(uid);
  }

  #loops(containerId: string): Loops | undefined {
    for (const containers of this.#pods.values()) {
      const loops = containers.get(containerId);
      if (loops !== undefined) return loops;
    }
    return undefined;
  }

  #addressOf(pod: Pod, view: PodView): string {
    return pod.spec?.hostNetwork === true ? this.#options.nodeIP : (view.sandboxes[0]?.ips[0] ?? '');
  }

  #start(pod: Pod, container: Container, status: ContainerStatus, podIP: string): Loops {
    const { runtime, events, onChange } = this.#options;
    const loops: Loops = {};
    // A container that was found ready by the agent before this one stays so until its probe says otherwise.
    const statuses = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
    const before = statuses.find(({ containerID }) => containerID === containerIdPrefix + status.id);
    const initial: Readonly<Record<ProbeKind, ProbeResult>> = {
      startup: before?.started === true ? 'success' : 'unknown',
      readiness: before?.ready === true ? 'success' : 'failure',
      liveness: 'success',
    };
    for (const [kind, probe] of probesOf(container)) {
      if (probe === undefined) continue;
      loops[kind] = startProbeLoop({
        kind,
        probe,
        initial: initial[kind],
        startedAtMs: Date.parse(status.startedAt ?? status.createdAt),
        attempt: () => runProbe(probe, { runtime, containerId: status.id, container, podIP }),
        isDue: () => (kind === 'startup' ? !this.#held.has(status.id) : this.isStarted(status.id, container)),
        onFailure: (output) => events.warning(pod, 'Unhealthy', `${titles[kind]} probe failed: ${output}`),
        onChange: () => onChange(pod.metadata.uid ?? ''),
      });
    }
    return loops;
  }
}

/** Results start as: ready no, alive yes, started not yet known; the API's word counts for containers that ran before. */
export function createProber(options: ProberOptions): Prober {
  return new Probes(options);
}
