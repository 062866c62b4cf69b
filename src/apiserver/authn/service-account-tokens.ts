/** Tokens of ServiceAccounts: made for TokenRequests, checked on every request that brings one. */
import { createHash, createPrivateKey, createPublicKey, randomUUID } from 'node:crypto';
import { isJsonObject, type JsonObject } from '../../api/json-value.ts';
import { nodes, pods, secrets, serviceAccounts } from '../../api/resources.ts';
import type { ServiceAccount } from '../../api/types.gen.ts';
import type { KubeObject } from '../../api/client.ts';
import type { User } from '../request.ts';
import type { Lookup } from '../resource.ts';
import { algorithmOf, signJwt, verifyJwt } from './jwt.ts';

export interface ServiceAccountKey {
  readonly publicPem: string;
  readonly privatePem: string;
  /** `iss` of the tokens, and the audience of the API itself. */
  readonly issuer: string;
}

/** What a token is bound to: it ends with that object. */
export interface BoundObject {
  readonly kind: 'Pod' | 'Secret' | 'Node';
  readonly name: string;
  readonly uid: string;
  /** The node of a bound pod. */
  readonly node?: { readonly name: string; readonly uid: string };
}

export interface TokenWish {
  readonly account: ServiceAccount;
  readonly audiences: readonly string[];
  readonly seconds: number;
  readonly bound?: BoundObject;
}

export interface TokenVerdict {
  readonly user: User;
  /** Those of the wanted audiences that the token is for. */
  readonly audiences: readonly string[];
}

/** A public key as RFC 7517 has it. */
export interface JsonWebKey {
  readonly kid: string;
  readonly alg: string;
}

export interface ServiceAccountTokens {
  readonly issuer: string;
  /** What checks the tokens elsewhere: JSON Web Keys (RFC 7517). */
  readonly keys: readonly JsonWebKey[];
  issue(wish: TokenWish): { readonly token: string; readonly expires: Date };
  /** Undefined: not ours, run out, for another audience, or what it is bound to is gone. */
  check(token: string, audiences: readonly string[]): TokenVerdict | undefined;
}

/** Tolerated difference of clocks, seconds. */
const leewaySeconds = 10;

const named = (value: unknown): { readonly name: string; readonly uid: string } | undefined => {
  if (!isJsonObject(value)) return undefined;
  const { name, uid } = value;
  return typeof name === 'string' && typeof uid === 'string' ? { name, uid } : undefined;
};

const list = (value: unknown): readonly string[] =>
  (Array.isArray(value) ? value : [value]).filter((each) => typeof each === 'string');

function isValidNow(claims: JsonObject, now: Date): boolean {
  const seconds = now.getTime() / 1000;
  const { exp, nbf } = claims;
  if (typeof exp !== 'number' || exp <= seconds) return false;
  return nbf === undefined || (typeof nbf === 'number' && nbf - leewaySeconds <= seconds);
}

function extraOf(claims: JsonObject, kubernetes: JsonObject): Record<string, string[]> {
  const extra: Record<string, string[]> = {};
  const pod = named(kubernetes['pod']);
  const node = named(kubernetes['node']);
  const prefix = 'authentication.kubernetes.io/';
  if (typeof claims['jti'] === 'string') extra[`${prefix}credential-id`] = [`JTI=${claims['jti']}`];
  if (pod !== undefined) Object.assign(extra, { [`${prefix}pod-name`]: [pod.name], [`${prefix}pod-uid`]: [pod.uid] });
  if (node !== undefined)
    Object.assign(extra, { [`${prefix}node-name`]: [node.name], [`${prefix}node-uid`]: [node.uid] });
  return extra;
}

/** What waits for its end has its tokens a little longer, to clean up after itself. */
const lastWordsMs = 60_000;

function isAlive(object: KubeObject | undefined, wanted: { readonly uid: string }, now: Date): boolean {
  if (object === undefined || object.metadata.uid !== wanted.uid) return false;
  const { deletionTimestamp } = object.metadata;
  return deletionTimestamp === undefined || Date.parse(deletionTimestamp) + lastWordsMs >= now.getTime();
}

/** Whether everything the token stands on is still there. */
function stands(lookup: Lookup, namespace: string, kubernetes: JsonObject, now: Date): boolean {
  const alive = (object: KubeObject | undefined, wanted: { readonly uid: string }): boolean =>
    isAlive(object, wanted, now);
  const account = named(kubernetes['serviceaccount']);
  if (account === undefined) return false;
  if (!alive(lookup.get(serviceAccounts, { namespace, name: account.name }), account)) return false;
  const pod = named(kubernetes['pod']);
  if (pod !== undefined) return alive(lookup.get(pods, { namespace, name: pod.name }), pod);
  const secret = named(kubernetes['secret']);
  if (secret !== undefined) return alive(lookup.get(secrets, { namespace, name: secret.name }), secret);
  const node = named(kubernetes['node']);
  return node === undefined || alive(lookup.get(nodes, { name: node.name }), node);
}

/** Throws when the keys cannot be used. */
export function createServiceAccountTokens(
  key: ServiceAccountKey,
  lookup: Lookup,
  now: () => Date,
): ServiceAccountTokens {
  const publicKey = createPublicKey(key.publicPem);
  const privateKey = createPrivateKey(key.privatePem);
  const keyId = createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64url');

  return {
    issuer: key.issuer,
    keys: [{ use: 'sig', ...publicKey.export({ format: 'jwk' }), kid: keyId, alg: algorithmOf(publicKey) }],
    issue: ({ account, audiences, seconds, bound }) => {
      const { namespace = '', name = '', uid = '' } = account.metadata;
      const iat = Math.floor(now().getTime() / 1000);
      const exp = iat + seconds;
      const kubernetes = {
        namespace,
        serviceaccount: { name, uid },
        ...(bound !== undefined && { [bound.kind.toLowerCase()]: { name: bound.name, uid: bound.uid } }),
        ...(bound?.node !== undefined && { node: bound.node }),
      };
      const claims = {
        aud: audiences.length > 0 ? audiences : [key.issuer],
        exp,
        iat,
        nbf: iat,
        iss: key.issuer,
        jti: randomUUID(),
        'kubernetes.io': kubernetes,
        sub: `system:serviceaccount:${namespace}:${name}`,
      };
      return { token: signJwt(claims, privateKey, keyId), expires: new Date(exp * 1000) };
    },
    check: (token, audiences) => {
      const claims = verifyJwt(token, publicKey);
      if (claims === undefined || claims['iss'] !== key.issuer || !isValidNow(claims, now())) return undefined;
      const shared = list(claims['aud']).filter((each) => audiences.includes(each));
      const kubernetes = claims['kubernetes.io'];
      if (shared.length === 0 || !isJsonObject(kubernetes)) return undefined;
      const { namespace } = kubernetes;
      if (typeof namespace !== 'string' || !stands(lookup, namespace, kubernetes, now())) return undefined;
      const account = named(kubernetes['serviceaccount']);
      const name = `system:serviceaccount:${namespace}:${account?.name}`;
      const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'];
      return { user: { name, uid: account?.uid ?? '', groups, extra: extraOf(claims, kubernetes) }, audiences: shared };
    },
  };
}
