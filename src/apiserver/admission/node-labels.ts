/** Labels that draw pods to a node, which it may therefore not give itself (KEP-279). Pure. */

type Labels = Readonly<Record<string, string>> | undefined;

const ownKeys: ReadonlySet<string> = new Set([
  'kubernetes.io/hostname',
  'kubernetes.io/os',
  'kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/arch',
  'beta.kubernetes.io/instance-type',
  'node.kubernetes.io/instance-type',
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
]);

const prefixOf = (key: string): string => (key.includes('/') ? key.slice(0, key.indexOf('/')) : '');

const isIn = (prefix: string, domain: string): boolean => prefix === domain || prefix.endsWith(`.${domain}`);

function isNotForNodes(key: string): boolean {
  const prefix = prefixOf(key);
  if (isIn(prefix, 'node-restriction.kubernetes.io')) return true;
  if (!isIn(prefix, 'kubernetes.io') && !isIn(prefix, 'k8s.io')) return false;
  return !ownKeys.has(key) && !isIn(prefix, 'kubelet.kubernetes.io') && !isIn(prefix, 'node.kubernetes.io');
}

/** Those of them that differ, sorted. */
export function labelsNotForNodes(labels: Labels, old: Labels): readonly string[] {
  const keys = new Set([...Object.keys(labels ?? {}), ...Object.keys(old ?? {})]);
  return [...keys].filter((key) => isNotForNodes(key) && labels?.[key] !== old?.[key]).sort();
}
