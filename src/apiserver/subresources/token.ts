/** `token`: a TokenRequest for a ServiceAccount, as kubelets make them for pods and `kubectl create token` for people. */
import type { KubeObject } from '../../api/client.ts';
import { nodes, pods, secrets } from '../../api/resources.ts';
import { formatTime } from '../../api/time.ts';
import type { BoundObjectReference, ServiceAccount, TokenRequest } from '../../api/types.gen.ts';
import type { BoundObject } from '../authn/service-account-tokens.ts';
import { restrictTokenRequest } from '../admission/node-tokens.ts';
import { badRequest, conflict } from '../errors.ts';
import { placeObject, readObject } from '../handlers/incoming.ts';
import { contextOf, type Machinery } from '../machinery.ts';
import type { Reply, ResourceRequest } from '../request.ts';
import type { Lookup } from '../resource.ts';
import { objectAt } from '../storage/codec.ts';
import { storedObject } from '../storage/modify.ts';
import { objectNotFound } from '../validation/refusal.ts';

const minSeconds = 600;
const defaultSeconds = 3600;
const maxSeconds = 2 ** 32;

const kinds = { Pod: pods, Secret: secrets, Node: nodes } as const;

/** The node that a pod is on; its loss ends the pod's tokens too. */
function nodeOf(lookup: Lookup, namespace: string, podName: string): BoundObject['node'] {
  const name = lookup.get(pods, { namespace, name: podName })?.spec?.nodeName;
  const uid = name === undefined ? undefined : lookup.get(nodes, { name })?.metadata.uid;
  return name === undefined || uid === undefined ? undefined : { name, uid };
}

/** A pod gets tokens of its own account alone. Throws 400. */
function requireAccount(lookup: Lookup, [namespace, name]: readonly [string, string], account: string): void {
  if (lookup.get(pods, { namespace, name })?.spec?.serviceAccountName === account) return;
  const why = 'to pod running with different serviceaccount name.';
  throw badRequest(`cannot bind token for serviceaccount "${account}" ${why}`);
}

function boundObject(
  lookup: Lookup,
  [namespace, account]: readonly [namespace: string, account: string],
  reference: BoundObjectReference,
): BoundObject {
  const kind = reference.kind as keyof typeof kinds;
  const type = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
  const { name = '' } = reference;
  if (type === undefined) throw badRequest(`cannot bind token for serviceaccount to object type ${reference.kind}`);
  const key = type.namespaced ? { namespace, name } : { name };
  const uid = lookup.get<KubeObject>(type, key)?.metadata.uid;
  if (uid === undefined) throw objectNotFound(type, name);
  if (type === pods) requireAccount(lookup, [namespace, name], account);
  if ((reference.uid ?? '') !== '' && reference.uid !== uid) {
    throw conflict(
      type,
      name,
      `the UID in the bound object reference (${reference.uid}) does not match the UID in record`,
    );
  }
  const node = kind === 'Pod' ? nodeOf(lookup, namespace, name) : undefined;
  return { kind, name, uid, ...(node !== undefined && { node }) };
}

export async function requestToken(machinery: Machinery, request: ResourceRequest): Promise<Reply> {
  const wanted = await readObject<TokenRequest & KubeObject>(request, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    definition: 'TokenRequest',
  });
  placeObject(request, wanted);
  const { value, modRevision } = storedObject(machinery, request);
  const { audiences = [], expirationSeconds: seconds = defaultSeconds, boundObjectRef } = wanted.spec ?? {};
  if (!Number.isInteger(seconds) || seconds < minSeconds) {
    throw badRequest('spec.expirationSeconds: Invalid value: may not specify a duration less than 10 minutes');
  }
  if (seconds > maxSeconds) throw badRequest('spec.expirationSeconds: Too long: may not be longer than 2^32 seconds');
  const { subresource, namespace: home, name: accountName } = request.path;
  restrictTokenRequest([accountName, home], wanted, contextOf(machinery, { ...request, subresource }));
  const bound =
    boundObjectRef === undefined ? undefined : boundObject(machinery.lookup, [home, accountName], boundObjectRef);
  const account = objectAt<ServiceAccount & KubeObject>(value, modRevision);
  const { token, expires } = machinery.tokens.issue({
    account,
    audiences,
    seconds,
    ...(bound !== undefined && { bound }),
  });
  const { name, namespace } = account.metadata;
  const spec = {
    ...wanted.spec,
    audiences: audiences.length > 0 ? audiences : [machinery.tokens.issuer],
    expirationSeconds: seconds,
  };
  const status = { token, expirationTimestamp: formatTime(expires) };
  const metadata = { name, namespace, creationTimestamp: formatTime(machinery.now()) };
  return { code: 201, body: { kind: 'TokenRequest', apiVersion: 'authentication.k8s.io/v1', metadata, spec, status } };
}
