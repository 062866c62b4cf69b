/** Takes CertificateSigningRequests away that nobody needs any more. */
import { certificateSigningRequests } from '../../api/resources.ts';
import type { CertificateSigningRequest } from '../../api/types.gen.ts';
import { startController, unlessGone, type ControllerContext } from '../controller.ts';
import { hasVerdict, isFailed } from './requests.ts';

const hourMs = 3_600_000;
/** As upstream's: what is settled stays for an hour, what nobody has decided for a day. */
const settledMs = hourMs;
const pendingMs = 24 * hourMs;

/** When a request is to go. */
export function endOf(request: CertificateSigningRequest): number {
  const times = (request.status?.conditions ?? []).map(({ lastUpdateTime = '' }) => Date.parse(lastUpdateTime));
  const created = Date.parse(request.metadata.creationTimestamp ?? '');
  const last = Math.max(created, ...times.filter((time) => !Number.isNaN(time)));
  return last + (hasVerdict(request) || isFailed(request) ? settledMs : pendingMs);
}

/** Starts the controller; it ends with the context's signal. */
export function startCertificateCleaner(context: ControllerContext): void {
  const { client, informers, now } = context;
  const requests = informers.informer(certificateSigningRequests);
  const queue = startController(context, {
    name: 'csrcleaner',
    after: [requests],
    reconcile: async (key) => {
      const request = requests.get(key);
      if (request === undefined) return undefined;
      const leftMs = endOf(request) - now().getTime();
      if (leftMs > 0) return { requeueAfterMs: leftMs };
      const { uid = '' } = request.metadata;
      await unlessGone(client.delete(certificateSigningRequests, { name: key }, { preconditions: { uid } }));
      return undefined;
    },
  });
  requests.onChange(({ object }) => queue.add(object.metadata.name ?? ''));
}
