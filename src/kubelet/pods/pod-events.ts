/** Events about pods. */
import type { KubeObject } from '../../api/client.ts';
import type { Pod } from '../../api/types.gen.ts';

/** As src/api/event-recorder.ts makes it. */
export interface Recorder {
  event(
    object: KubeObject & { kind: string; apiVersion: string },
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
  ): void;
}

export interface PodEvents {
  normal(pod: Pod, reason: string, message: string): void;
  warning(pod: Pod, reason: string, message: string): void;
}

/** Writes them through `recorder`. */
export function createPodEvents(recorder: Recorder): PodEvents {
  const subject = (pod: Pod): Pod & { kind: string; apiVersion: string } => ({ ...pod, kind: 'Pod', apiVersion: 'v1' });
  return {
    normal: (pod, reason, message) => recorder.event(subject(pod), 'Normal', reason, message),
    warning: (pod, reason, message) => recorder.event(subject(pod), 'Warning', reason, message),
  };
}

/** How messages name a pod: `NAME_NAMESPACE(UID)`. */
export function podText({ metadata }: Pod): string {
  return `${metadata.name ?? ''}_${metadata.namespace ?? ''}(${metadata.uid ?? ''})`;
}
