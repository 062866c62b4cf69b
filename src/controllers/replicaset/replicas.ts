/** Creating and deleting the pods of a ReplicaSet. */
import type { ApiClient } from '../../api/client.ts';
import { isAlreadyExists, isNotFound } from '../../api/errors.ts';
import type { EventRecorder } from '../../api/event-recorder.ts';
import { ownerReference } from '../../api/owner.ts';
import { pods, replicaSets } from '../../api/resources.ts';
import type { Pod, ReplicaSet } from '../../api/types.gen.ts';
import { withKind } from '../controller.ts';
import { isNamespaceTerminating } from '../namespace/terminating.ts';
import { randomName } from '../random-name.ts';
import type { Expectations } from './expectations.ts';
import { slowStart } from './slow-start.ts';

/** Pods created or deleted in one run at most. */
const burst = 500;

export interface ReplicaContext {
  readonly client: ApiClient;
  readonly events: EventRecorder;
  readonly expectations: Expectations;
  readonly key: string;
  readonly replicaSet: ReplicaSet;
}

function podFrom(replicaSet: ReplicaSet, name: string, generateName: string): Pod {
  const template = replicaSet.spec?.template;
  const { labels, annotations, finalizers } = template?.metadata ?? {};
  const { namespace } = replicaSet.metadata;
  if (template?.spec === undefined) throw new Error('a ReplicaSet without a pod template');
  return {
    metadata: {
      name,
      generateName,
      ...(namespace === undefined ? {} : { namespace }),
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ownerReferences: [ownerReference(withKind(replicaSets, replicaSet), { controller: true })],
    },
    spec: template.spec,
  };
}

/** Creates `count` pods; resolves to the first error, if any. */
export async function createPods(context: ReplicaContext, count: number): Promise<Error | undefined> {
  const { client, events, expectations, key, replicaSet } = context;
  const generateName = `${replicaSet.metadata.name}-`;
  const names = Array.from({ length: Math.min(count, burst) }, () => randomName(generateName));
  for (const name of names) expectations.expectCreate(key, name);
  const subject = withKind(replicaSets, replicaSet);
  const result = await slowStart(names, async (name) => {
    try {
      await client.create(pods, podFrom(replicaSet, name, generateName));
      events.event(subject, 'Normal', 'SuccessfulCreate', `Created pod: ${name}`);
    } catch (error) {
      expectations.created(key, name);
      // A clash of random names: another one is chosen in the next run.
      if (isNamespaceTerminating(error) || isAlreadyExists(error)) return;
      const text = error instanceof Error ? error.message : String(error);
      events.event(subject, 'Warning', 'FailedCreate', `Error creating: ${text}`);
      throw error;
    }
  });
  for (const name of result.skipped) expectations.created(key, name);
  return asError(result.error);
}

/** Deletes these pods; resolves to the first error, if any. */
export async function deletePods(context: ReplicaContext, doomed: readonly Pod[]): Promise<Error | undefined> {
  const { client, events, expectations, key, replicaSet } = context;
  const now = doomed.slice(0, burst);
  for (const pod of now) expectations.expectDelete(key, pod.metadata.uid ?? '');
  const subject = withKind(replicaSets, replicaSet);
  const results = await Promise.allSettled(
    now.map(async (pod) => {
      const { namespace, name = '', uid = '' } = pod.metadata;
      try {
        await client.delete(pods, { namespace, name }, { preconditions: { uid } });
        events.event(subject, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
      } catch (error) {
        expectations.deleted(key, uid);
        if (isNotFound(error)) return;
        const text = error instanceof Error ? error.message : String(error);
        events.event(subject, 'Warning', 'FailedDelete', `Error deleting: ${text}`);
        throw error;
      }
    }),
  );
  return asError(results.find((result) => result.status === 'rejected')?.reason);
}

function asError(thrown: unknown): Error | undefined {
  return thrown === undefined || thrown instanceof Error ? thrown : new Error('refused', { cause: thrown });
}
