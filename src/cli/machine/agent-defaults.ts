/** What the agents of a cluster have in common, told to machines that join: a ConfigMap that tokens may read. */
import type { ApiClient } from '../../api/client.ts';
import { isForbidden, isNotFound } from '../../api/errors.ts';
import { isJsonObject } from '../../api/json-value.ts';
import { configMaps, roleBindings, roles } from '../../api/resources.ts';
import type { ConfigMap, Role, RoleBinding } from '../../api/types.gen.ts';
import type { AddonObject } from '../addons/dns-objects.ts';
import { joinGroup } from './tokens.ts';

/** Flags of `podwire agent` that are the same on all nodes. */
export type AgentDefaults = Readonly<Record<string, string | number | readonly string[]>>;

const key = { namespace: 'kube-system', name: 'podwire-agent' };
const file = 'agent.json';
const rbac = 'rbac.authorization.k8s.io';

/** Others are not taken over, whoever wrote them: where files lie is the machine's own business. */
const known: ReadonlySet<string> = new Set([
  'cluster-cidr',
  'cluster-dns',
  'cluster-domain',
  'node-lease-duration-seconds',
  'non-masquerade-cidr',
  'pod-network',
  'proxy-mode',
  'vxlan-port',
]);

/** The ConfigMap, and the right of join tokens to read it. */
export function agentDefaultsObjects(defaults: AgentDefaults): AddonObject[] {
  const metadata = { ...key };
  const map: ConfigMap = { metadata, data: { [file]: `${JSON.stringify(defaults, undefined, 2)}\n` } };
  const rule = { apiGroups: [''], resources: ['configmaps'], resourceNames: [key.name], verbs: ['get'] };
  const role: Role = { metadata, rules: [rule] };
  const binding: RoleBinding = {
    metadata,
    roleRef: { apiGroup: rbac, kind: 'Role', name: key.name },
    subjects: [{ apiGroup: rbac, kind: 'Group', name: joinGroup }],
  };
  return [
    { type: configMaps, object: map },
    { type: roles, object: role },
    { type: roleBindings, object: binding },
  ];
}

const isText = (value: unknown): boolean => typeof value === 'string' || typeof value === 'number';

/** Empty where a cluster has none (a stock control plane). */
export async function readAgentDefaults(client: ApiClient): Promise<AgentDefaults> {
  try {
    const { data } = await client.get(configMaps, key);
    const value: unknown = JSON.parse(data?.[file] ?? '{}');
    const entries = isJsonObject(value) ? Object.entries(value) : [];
    return Object.fromEntries(
      entries.filter(
        ([name, each]) => known.has(name) && (isText(each) || (Array.isArray(each) && each.every(isText))),
      ),
    ) as AgentDefaults;
  } catch (error) {
    if (isNotFound(error) || isForbidden(error)) return {};
    throw error;
  }
}
