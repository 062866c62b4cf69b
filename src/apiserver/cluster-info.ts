/**
 * The ConfigMap `kube-public/cluster-info`: address and CA of the cluster, for a machine that wants to join and knows only the
 * CA's pin. Everybody may read it, without signing in (upstream's cluster-info discovery; the pin takes the place of its signature).
 */
import { configMaps, roleBindings, roles } from '../api/resources.ts';
import type { ConfigMap, RoleBinding } from '../api/types.gen.ts';
import { ensure, type BootstrapClient } from './ensure.ts';
import { same } from './validation/same.ts';

export interface ClusterInfo {
  /** `https://HOST:PORT` */
  readonly server: string;
  /** PEM text. */
  readonly ca: string;
}

const namespace = 'kube-public';
const name = 'cluster-info';
const roleName = 'podwire:cluster-info';
const rbac = 'rbac.authorization.k8s.io';

/** Without a user, as upstream's is. JSON is YAML. */
function kubeconfigOf({ server, ca }: ClusterInfo): string {
  const cluster = { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') };
  return `${JSON.stringify({ apiVersion: 'v1', kind: 'Config', clusters: [{ name: '', cluster }] })}\n`;
}

/** Makes it and the right to read it, and corrects what is wrong. Rejects with an ApiError when the server refuses. */
export async function ensureClusterInfo(client: BootstrapClient, info: ClusterInfo): Promise<void> {
  const metadata = { namespace, name };
  const map: ConfigMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { kubeconfig: kubeconfigOf(info) } };
  const rules = [{ apiGroups: [''], resources: ['configmaps'], resourceNames: [name], verbs: ['get'] }];
  const role = { apiVersion: `${rbac}/v1`, kind: 'Role', metadata: { namespace, name: roleName }, rules };
  const binding: RoleBinding = {
    ...{ apiVersion: `${rbac}/v1`, kind: 'RoleBinding', metadata: { namespace, name: roleName } },
    roleRef: { apiGroup: rbac, kind: 'Role', name: roleName },
    subjects: ['system:unauthenticated', 'system:authenticated'].map((group) => ({
      ...{ apiGroup: rbac, kind: 'Group', name: group },
    })),
  };
  await Promise.all([
    ensure(client, configMaps, map, (stored) => {
      if (stored.data?.['kubeconfig'] === map.data?.['kubeconfig']) return false;
      stored.data = { ...stored.data, ...map.data };
      return true;
    }),
    ensure(client, roles, role, (stored) => {
      if (same(stored.rules, rules)) return false;
      stored.rules = rules;
      return true;
    }),
    // Who took subjects out of it wants no machine to find the cluster this way.
    ensure(client, roleBindings, binding, () => false),
  ]);
}
