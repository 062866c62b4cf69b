/**
 * New pods and their account: it must be there, its pull secrets are taken when the pod has none, and every container gets
 * a token of it, the CA of the API server and the name of its namespace as files.
 */
import { pods, serviceAccounts } from '../../api/resources.ts';
import type { Container, Pod, PodSpec, ServiceAccount, Volume } from '../../api/types.gen.ts';
import { isMirrorPod, referencesOf } from '../../api/pod-references.ts';
import { generatedName } from '../generated-name.ts';
import type { StrategyContext } from '../resource.ts';
import { forbiddenObject } from '../validation/refusal.ts';

/** Where client libraries look for their credentials. */
const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount';
const volumePrefix = 'kube-api-access-';
/** An hour, and seven seconds by which upstream knows these tokens from those that somebody asked for. */
const tokenSeconds = 3607;

function refuse(pod: Pod, why: string): never {
  throw forbiddenObject(pods, pod.metadata.name ?? pod.metadata.generateName ?? '', why);
}

/** A mirror pod is shown as it is, and must not reach anything through the API. */
function checkMirror(pod: Pod): void {
  const { serviceAccount, secrets } = referencesOf(pod);
  if (serviceAccount !== '') refuse(pod, 'a mirror pod may not reference service accounts');
  if (secrets.size > 0) refuse(pod, 'a mirror pod may not reference secrets');
  const sources = (pod.spec?.volumes ?? []).flatMap(({ projected }) => projected?.sources ?? []);
  if (sources.some(({ serviceAccountToken }) => serviceAccountToken !== undefined)) {
    refuse(pod, 'a mirror pod may not use ServiceAccountToken volume projections');
  }
}

function apiAccessVolume(name: string): Volume {
  const namespace = { path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } };
  return {
    name,
    projected: {
      defaultMode: 0o644,
      sources: [
        { serviceAccountToken: { path: 'token', expirationSeconds: tokenSeconds } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        { downwardAPI: { items: [namespace] } },
      ],
    },
  };
}

const mountsThere = ({ volumeMounts = [] }: Container): boolean =>
  volumeMounts.some((mount) => mount.mountPath === mountPath);

/** A volume of that name which the pod brings is taken as it is. */
function mountApiAccess(spec: PodSpec): void {
  const own = spec.volumes?.find(({ name }) => name.startsWith(volumePrefix))?.name;
  const name = own ?? generatedName(volumePrefix);
  const wanting = [...(spec.initContainers ?? []), ...spec.containers].filter((container) => !mountsThere(container));
  for (const container of wanting) {
    container.volumeMounts = [...(container.volumeMounts ?? []), { name, readOnly: true, mountPath }];
  }
  if (own === undefined && wanting.length > 0) spec.volumes = [...(spec.volumes ?? []), apiAccessVolume(name)];
}

function accountOf(pod: Pod, name: string, { lookup }: StrategyContext): ServiceAccount {
  const { namespace = '' } = pod.metadata;
  const account = lookup.get(serviceAccounts, { namespace, name });
  if (account !== undefined) return account;
  const why = `serviceaccount ${JSON.stringify(name)} not found`;
  return refuse(pod, `error looking up service account ${namespace}/${name}: ${why}`);
}

/** Pods without an account run as `default`. Throws 403 without the account. */
export function withServiceAccount(pod: Pod, context: StrategyContext): void {
  if (isMirrorPod(pod)) return checkMirror(pod);
  const spec = (pod.spec ??= { containers: [] });
  const name = spec.serviceAccountName || 'default';
  spec.serviceAccountName = name;
  spec.serviceAccount = name;
  const account = accountOf(pod, name, context);
  if (spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true) mountApiAccess(spec);
  if (!spec.imagePullSecrets?.length && account.imagePullSecrets?.length) {
    spec.imagePullSecrets = structuredClone(account.imagePullSecrets);
  }
}
