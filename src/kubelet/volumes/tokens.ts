/** ServiceAccount tokens for projected volumes: asked for once, renewed after 80 % of their life. */
import type { ApiClient } from '../../api/client.ts';
import { serviceAccounts } from '../../api/resources.ts';
import type { Pod } from '../../api/types.gen.ts';
import type { TokenSource } from './projection.ts';

export interface ServiceAccountTokens {
  /** A token bound to the pod. Rejects with an ApiError when the API gives none. */
  token(pod: Pod, source: TokenSource): Promise<string>;
  forget(podUid: string): void;
}

interface Held {
  readonly token: string;
  readonly renewAtMs: number;
}

const defaultLifeSeconds = 3600;
/** However long it lives, it is renewed once a day. */
const maxHoldMs = 24 * 3600 * 1000;

async function request(client: ApiClient, pod: Pod, { audience, expirationSeconds }: TokenSource): Promise<Held> {
  const { namespace, name, uid } = pod.metadata;
  const lifeSeconds = expirationSeconds ?? defaultLifeSeconds;
  const body = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    metadata: {},
    spec: {
      ...(audience === undefined || audience === '' ? {} : { audiences: [audience] }),
      expirationSeconds: lifeSeconds,
      boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name, uid },
    },
  };
  const account = { namespace, name: pod.spec?.serviceAccountName ?? 'default' };
  const answer = (await client.createSubresource(serviceAccounts, account, 'token', body)) as {
    status?: { token?: string; expirationTimestamp?: string };
  };
  const token = answer.status?.token;
  if (token === undefined) throw new Error('the API answered a TokenRequest without a token');
  const endsAtMs = Date.parse(answer.status?.expirationTimestamp ?? '');
  const lifeMs = Number.isNaN(endsAtMs) ? lifeSeconds * 1000 : endsAtMs - Date.now();
  return { token, renewAtMs: Date.now() + Math.min(lifeMs * 0.8, maxHoldMs) };
}

/** Tokens are held in memory only. */
export function createServiceAccountTokens(client: ApiClient): ServiceAccountTokens {
  const held = new Map<string, Map<string, Held>>();
  return {
    async token(pod, source) {
      const uid = pod.metadata.uid ?? '';
      const ofPod = held.get(uid) ?? new Map<string, Held>();
      held.set(uid, ofPod);
      const key = JSON.stringify([source.audience, source.expirationSeconds]);
      const old = ofPod.get(key);
      if (old !== undefined && old.renewAtMs > Date.now()) return old.token;
      const next = await request(client, pod, source);
      ofPod.set(key, next);
      return next.token;
    },
    forget: (podUid) => void held.delete(podUid),
  };
}
