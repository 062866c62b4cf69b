/** Creating and deleting the pods that a controller keeps. */
import type { ApiClient } from '../api/client.ts';
import { isAlreadyExists, isNotFound } from '../api/errors.ts';
import type { EventRecorder } from '../api/event-recorder.ts';
import { ownerReference } from '../api/owner.ts';
import { pods } from '../api/resources.ts';
import type { Pod, PodTemplateSpec } from '../api/types.gen.ts';
import type { Owner } from './claim.ts';
import type { Expectations } from './expectations.ts';
import { isNamespaceTerminating } from './namespace/terminating.ts';
import { slowStart } from './slow-start.ts';

/** Pods created or deleted in one run at most. */
const burst = 500;

export interface OwnedPodsContext {
  readonly client: ApiClient;
  readonly events: EventRecorder;
  readonly expectations: Expectations;
  /** The owner's key in `expectations`. */
  readonly key: string;
  readonly owner: Owner;
}

/** A pod of this template that `owner` controls. Throws when the template has no spec. */
export function podFrom(owner: Owner, template: PodTemplateSpec | undefined, name: string): Pod {
  const { labels, annotations, finalizers } = template?.metadata ?? {};
  const { namespace } = owner.metadata;
  if (template?.spec === undefined) throw new Error(`a ${owner.kind} without a pod template`);
  return {
    metadata: {
      name,
      generateName: `${owner.metadata.name}-`,
      ...(namespace === undefined ? {} : { namespace }),
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ownerReferences: [ownerReference(owner, { controller: true })],
    },
    spec: template.spec,
  };
}

/** Creates these pods, each with a name that was chosen for it; resolves to the first error, if any. */
export async function createPods(context: OwnedPodsContext, wanted: readonly Pod[]): Promise<Error | undefined> {
  const { client, events, expectations, key, owner } = context;
  const now = wanted.slice(0, burst);
  const nameOf = (pod: Pod): string => pod.metadata.name ?? '';
  for (const pod of now) expectations.expectCreate(key, nameOf(pod));
  const result = await slowStart(now, async (pod) => {
    try {
      await client.create(pods, pod);
      events.event(owner, 'Normal', 'SuccessfulCreate', `Created pod: ${nameOf(pod)}`);
    } catch (error) {
      expectations.created(key, nameOf(pod));
      // A clash of random names: another one is chosen in the next run.
      if (isNamespaceTerminating(error) || isAlreadyExists(error)) return;
      const text = error instanceof Error ? error.message : String(error);
      events.event(owner, 'Warning', 'FailedCreate', `Error creating: ${text}`);
      throw error;
    }
  });
  for (const pod of result.skipped) expectations.created(key, nameOf(pod));
  return asError(result.error);
}

/** Deletes these pods; resolves to the first error, if any. */
export async function deletePods(context: OwnedPodsContext, doomed: readonly Pod[]): Promise<Error | undefined> {
  const { client, events, expectations, key, owner } = context;
  const now = doomed.slice(0, burst);
  for (const pod of now) expectations.expectDelete(key, pod.metadata.uid ?? '');
  const results = await Promise.allSettled(
    now.map(async (pod) => {
      const { namespace, name = '', uid = '' } = pod.metadata;
      try {
        await client.delete(pods, { namespace, name }, { preconditions: { uid } });
        events.event(owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
      } catch (error) {
        expectations.deleted(key, uid);
        if (isNotFound(error)) return;
        const text = error instanceof Error ? error.message : String(error);
        events.event(owner, 'Warning', 'FailedDelete', `Error deleting: ${text}`);
        throw error;
      }
    }),
  );
  return asError(results.find((result) => result.status === 'rejected')?.reason);
}

function asError(thrown: unknown): Error | undefined {
  return thrown === undefined || thrown instanceof Error ? thrown : new Error('refused', { cause: thrown });
}
