/** The shape all controllers have: informers in, one `reconcile(key)`, writes out. */
import type { ApiClient, KubeObject } from '../api/client.ts';
import { isNotFound } from '../api/errors.ts';
import type { EventRecorder } from '../api/event-recorder.ts';
import type { InformerFactory } from '../api/informer.ts';
import type { Logger } from '../api/logger.ts';
import { apiVersionOf, type ResourceType } from '../api/resources.ts';
import { createWorkQueue, type WorkQueue } from '../api/work-queue.ts';

/** What a controller is given. */
export interface ControllerContext {
  readonly client: ApiClient;
  readonly informers: InformerFactory;
  readonly events: EventRecorder;
  readonly logger: Logger;
  /** Ends the controller. */
  readonly signal: AbortSignal;
  /** The clock; tests put their own here. */
  readonly now: () => Date;
}

export interface ControllerOptions {
  readonly name: string;
  /** No key is worked on before all of these have their first LIST. */
  readonly after: readonly { readonly synced: Promise<void> }[];
  /** Brings the world of one key in order; called again when anything it read has changed. */
  readonly reconcile: (key: string) => Promise<void | { requeueAfterMs: number }>;
  readonly concurrency?: number;
}

/** Starts the queue of one controller; the caller connects its informers to `add`. */
export function startController(context: ControllerContext, options: ControllerOptions): WorkQueue {
  const { name, after, reconcile, concurrency = 4 } = options;
  const ready = Promise.all(after.map((informer) => informer.synced));
  return createWorkQueue({
    name,
    concurrency,
    logger: context.logger,
    signal: context.signal,
    reconcile: async (key) => {
      await ready;
      return reconcile(key);
    },
  });
}

/** Awaits a write to something that may be gone meanwhile: that is no failure, since its own event is on its way. */
export async function unlessGone(write: Promise<unknown>): Promise<void> {
  try {
    await write;
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

/** The object with `kind` and `apiVersion`, which items of a LIST may lack. */
export function withKind<T extends KubeObject>(
  type: ResourceType<T>,
  object: T,
): T & { kind: string; apiVersion: string } {
  return { ...object, kind: type.kind, apiVersion: apiVersionOf(type) };
}

/** Splits `namespace/name`. */
export function namespacedKey(key: string): { namespace: string; name: string } {
  const slash = key.indexOf('/');
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
