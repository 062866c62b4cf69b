/** Deletes bootstrap tokens that have run out. */
import { keyOf } from '../api/informer.ts';
import { secrets } from '../api/resources.ts';
import { namespacedKey, startController, unlessGone, type ControllerContext } from './controller.ts';

/** Node's timers go no further. */
const maxTimerMs = 2 ** 31 - 1;

/** Starts the controller; it ends with the context's signal. */
export function startTokenCleaner(context: ControllerContext): void {
  const { client, informers, now } = context;
  const tokens = informers.informer(secrets, { fieldSelector: 'type=bootstrap.kubernetes.io/token' });
  const queue = startController(context, {
    name: 'token-cleaner',
    after: [tokens],
    reconcile: async (key) => {
      const token = tokens.get(key);
      const text = Buffer.from(token?.data?.['expiration'] ?? '', 'base64').toString();
      const end = Date.parse(text);
      if (token === undefined || Number.isNaN(end)) return undefined;
      const leftMs = end - now().getTime();
      if (leftMs > 0) return { requeueAfterMs: Math.min(leftMs, maxTimerMs) };
      const { uid = '' } = token.metadata;
      await unlessGone(client.delete(secrets, namespacedKey(key), { preconditions: { uid } }));
      return undefined;
    },
  });
  tokens.onChange(({ object }) => {
    if (object.metadata.namespace === 'kube-system') queue.add(keyOf(object));
  });
}
