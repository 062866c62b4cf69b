/** The node's heartbeat: a Lease in kube-node-lease, renewed four times in its duration (KEP-589). */
import type { ApiClient } from '../../api/client.ts';
import { isAlreadyExists, isConflict, isNotFound } from '../../api/errors.ts';
import type { Logger } from '../../api/logger.ts';
import { leases } from '../../api/resources.ts';
import { formatMicroTime } from '../../api/time.ts';
import type { Lease } from '../../api/types.gen.ts';

const namespace = 'kube-node-lease';
const renewalsPerDuration = 4;
const retryMs = 1_000;

export interface NodeLeaseOptions {
  readonly client: ApiClient;
  readonly nodeName: string;
  /** Of the Node object, which then owns the Lease. */
  readonly nodeUid: () => string | undefined;
  /** Told in the Lease; who watches over nodes must not be less patient. */
  readonly durationSeconds: number;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

function leaseOf({ nodeName, nodeUid, durationSeconds }: NodeLeaseOptions, old: Lease | undefined): Lease {
  const uid = nodeUid();
  const owner = { apiVersion: 'v1', kind: 'Node', name: nodeName, uid: uid ?? '' };
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      ...old?.metadata,
      name: nodeName,
      namespace,
      ...(uid === undefined ? {} : { ownerReferences: [owner] }),
    },
    spec: {
      ...old?.spec,
      holderIdentity: nodeName,
      leaseDurationSeconds: durationSeconds,
      renewTime: formatMicroTime(new Date()),
    },
  };
}

async function createOrTake(options: NodeLeaseOptions): Promise<Lease> {
  try {
    return await options.client.create(leases, leaseOf(options, undefined));
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    const there = await options.client.get(leases, { namespace, name: options.nodeName });
    return options.client.update(leases, leaseOf(options, there));
  }
}

/** Renews until `signal`; a failure is tried again each second. Returns at once, with what renews it out of turn. */
export function keepNodeLease(options: NodeLeaseOptions): { renew(): void } {
  const { client, durationSeconds, logger, signal } = options;
  let last: Lease | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isBusy = false;
  const renew = async (): Promise<void> => {
    let waitMs = durationSeconds * (1000 / renewalsPerDuration);
    isBusy = true;
    try {
      last = last === undefined ? await createOrTake(options) : await client.update(leases, leaseOf(options, last));
    } catch (error) {
      // Somebody else wrote it, or removed it: look again.
      if (isConflict(error) || isNotFound(error)) last = undefined;
      if (!signal.aborted) logger.warn('the node lease was not renewed', { error: String(error) });
      waitMs = retryMs;
    }
    isBusy = false;
    if (!signal.aborted) timer = setTimeout(() => void renew(), waitMs);
  };
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  void renew();
  return {
    renew() {
      clearTimeout(timer);
      if (!isBusy && !signal.aborted) void renew();
    },
  };
}
