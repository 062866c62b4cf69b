/** The one place that writes pod statuses: only what changed, one write a pod at a time, the newest wins. */
import type { ApiClient } from '../../api/client.ts';
import { isInvalid, isNotFound } from '../../api/errors.ts';
import type { Logger } from '../../api/logger.ts';
import { pods } from '../../api/resources.ts';
import type { Pod, PodStatus } from '../../api/types.gen.ts';
import { statusPatch } from './diff.ts';

/** `soon`: what is likely to be replaced at once may wait a little, so that both go in one write. */
export type Urgency = 'now' | 'soon';

export interface StatusManager {
  /** The pod with the newest status known: the informer's, or that of our own last write when the informer lags. */
  newest(pod: Pod): Pod;
  /** Writes `status` soon; a later call replaces one that has not been sent. Never rejects; retried until it is in or the pod is gone. */
  set(pod: Pod, status: PodStatus, urgency?: Urgency): void;
  /** Resolves once everything set for the pod is in the API, or the pod is gone from there. */
  settled(uid: string): Promise<void>;
  /** The pod is gone: stop retrying and forget it. */
  forget(uid: string): void;
}

export interface StatusManagerOptions {
  readonly client: ApiClient;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

interface Entry {
  /** As the API answered our last write. */
  written: Pod | undefined;
  pending: { readonly pod: Pod; readonly status: PodStatus } | undefined;
  sending: Promise<void> | undefined;
  held: NodeJS.Timeout | undefined;
  gone: boolean;
}

function newEntry(): Entry {
  return { written: undefined, pending: undefined, sending: undefined, held: undefined, gone: false };
}

const firstRetryMs = 100;
const maxRetryMs = 2_000;
/** How long a status of no urgency waits for a better one. */
const holdMs = 500;

function isNewer(a: Pod, b: Pod): boolean {
  const [left, right] = [a, b].map(({ metadata }) => metadata.resourceVersion ?? '0');
  return BigInt(/^\d+$/.exec(left ?? '')?.[0] ?? '0') > BigInt(/^\d+$/.exec(right ?? '')?.[0] ?? '0');
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
  });
}

class PodStatuses implements StatusManager {
  readonly #options: StatusManagerOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(options: StatusManagerOptions) {
    this.#options = options;
  }

  newest(pod: Pod): Pod {
    const entry = this.#entries.get(pod.metadata.uid ?? '');
    const status =
      entry?.pending?.status ??
      (entry?.written !== undefined && isNewer(entry.written, pod) ? entry.written.status : undefined);
    return status === undefined ? pod : { ...pod, status };
  }

  set(pod: Pod, status: PodStatus, urgency: Urgency = 'now'): void {
    const uid = pod.metadata.uid ?? '';
    const entry = this.#entries.get(uid) ?? newEntry();
    this.#entries.set(uid, entry);
    if (entry.gone) return;
    entry.pending = { pod, status };
    if (urgency === 'now') this.#begin(entry);
    else entry.held ??= setTimeout(() => this.#begin(entry), holdMs).unref();
  }

  #begin(entry: Entry): void {
    clearTimeout(entry.held);
    entry.held = undefined;
    entry.sending ??= this.#send(entry).finally(() => {
      entry.sending = undefined;
    });
  }

  async settled(uid: string): Promise<void> {
    const entry = this.#entries.get(uid);
    if (entry?.held !== undefined) this.#begin(entry);
    await entry?.sending;
  }

  forget(uid: string): void {
    const entry = this.#entries.get(uid);
    if (entry !== undefined) entry.gone = true;
    clearTimeout(entry?.held);
    this.#entries.delete(uid);
  }

  async #send(entry: Entry): Promise<void> {
    let retryMs = firstRetryMs;
    while (entry.pending !== undefined && !entry.gone && !this.#options.signal.aborted) {
      const { pending } = entry;
      try {
        await this.#write(entry, pending.pod, pending.status);
        if (entry.pending === pending) entry.pending = undefined;
        retryMs = firstRetryMs;
      } catch (error) {
        if (isNotFound(error) || isInvalid(error)) this.#refused(entry, pending, error);
        else await this.#waitToRetry(pending.pod, error, retryMs);
        retryMs = Math.min(maxRetryMs, retryMs * 2);
      }
    }
  }

  async #write(entry: Entry, pod: Pod, status: PodStatus): Promise<void> {
    const { written } = entry;
    const base = written !== undefined && isNewer(written, pod) ? written : pod;
    const patch = statusPatch(base.status ?? {}, status);
    if (patch === undefined) return;
    const { namespace, name = '', uid } = pod.metadata;
    // A pod of the same name that is not this one answers with a conflict.
    const body = { metadata: { uid }, status: patch };
    entry.written = await this.#options.client.patch(pods, { namespace, name }, body, {
      type: 'strategic',
      subresource: 'status',
    });
  }

  /** The pod is gone, or the API will never take this status: a later one may do. */
  #refused(entry: Entry, pending: Entry['pending'], error: unknown): void {
    const { namespace, name } = pending?.pod.metadata ?? {};
    if (!isNotFound(error))
      this.#options.logger.warn('a pod status was refused', { namespace, name, error: String(error) });
    if (entry.pending === pending) entry.pending = undefined;
  }

  async #waitToRetry(pod: Pod, error: unknown, retryMs: number): Promise<void> {
    const { namespace, name } = pod.metadata;
    this.#options.logger.warn('a pod status could not be written', { namespace, name, error: String(error), retryMs });
    await pause(retryMs, this.#options.signal);
  }
}

/** A manager that writes through `client` until `signal` ends it. */
export function createStatusManager(options: StatusManagerOptions): StatusManager {
  return new PodStatuses(options);
}
