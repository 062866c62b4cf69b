/** Tokens that a node asks for: only for pods that it runs, and for audiences that they name. */
import { pods, serviceAccounts } from '../../api/resources.ts';
import type { BoundObjectReference, Pod, TokenRequest } from '../../api/types.gen.ts';
import { nodeNameOf } from '../authz/node-identity.ts';
import type { StrategyContext } from '../resource.ts';
import { forbiddenObject, objectNotFound } from '../validation/refusal.ts';

/** Why a node may not have this; undefined when it may. */
type Verdict = string | undefined;

function audienceVerdict(pod: Pod, audiences: readonly string[], node: string, context: StrategyContext): Verdict {
  if (audiences.length > 1) return 'node may only request 0 or 1 audiences';
  const [audience = ''] = audiences;
  const sources = (pod.spec?.volumes ?? []).flatMap(({ projected }) => projected?.sources ?? []);
  const isNamed = sources.some(
    ({ serviceAccountToken }) => serviceAccountToken !== undefined && (serviceAccountToken.audience ?? '') === audience,
  );
  const { namespace = '' } = pod.metadata;
  const verb = 'request-serviceaccounts-token-audience';
  const name = pod.spec?.serviceAccountName ?? '';
  if (isNamed || context.permissions.allows({ verb, group: '', resource: audience, name, namespace })) return undefined;
  const who = `system:node:${node} is not authorized to request tokens for this audience`;
  return `audience "${audience}" not found in pod spec volume, ${who}`;
}

function bindingVerdict({ apiVersion, kind, name = '', uid = '' }: Partial<BoundObjectReference>): Verdict {
  if (apiVersion !== 'v1' || kind !== 'Pod' || name === '') return 'node requested token not bound to a pod';
  return uid === '' ? 'node requested token with a pod binding without a uid' : undefined;
}

function podVerdict({ metadata, spec }: Pod, uid: string | undefined, node: string): Verdict {
  if (metadata.uid !== uid) {
    return `the UID in the bound object reference (${uid}) does not match the UID in record`;
  }
  return spec?.nodeName === node ? undefined : 'node requested token bound to a pod scheduled on a different node';
}

/** Throws 403 when a node may not ask for this token, 404 when its pod is not there. Others are not concerned. */
export function restrictTokenRequest(
  [account, namespace]: readonly [account: string, namespace: string],
  { spec }: { readonly spec?: TokenRequest['spec'] },
  context: StrategyContext,
): void {
  const node = nodeNameOf(context.user);
  if (node === undefined) return;
  const heed = (why: Verdict): void => {
    if (why !== undefined) throw forbiddenObject(serviceAccounts, account, why);
  };
  const { audiences = [], boundObjectRef = {} } = spec ?? {};
  heed(bindingVerdict(boundObjectRef));
  const { name = '', uid } = boundObjectRef;
  const pod = context.lookup.get(pods, { namespace, name });
  if (pod === undefined) throw objectNotFound(pods, name);
  heed(podVerdict(pod, uid, node) ?? audienceVerdict(pod, audiences, node, context));
}
