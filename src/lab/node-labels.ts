/** Which labels a node may register itself with. Pure. */

/** Kubernetes' own labels that a kubelet may set (the stock kubelet's `--node-labels`, KEP-279). */
const allowedKeys: ReadonlySet<string> = new Set([
  'kubernetes.io/hostname',
  'kubernetes.io/os',
  'kubernetes.io/arch',
  'node.kubernetes.io/instance-type',
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
]);

const isBelow = (prefix: string, domain: string): boolean => prefix === domain || prefix.endsWith(`.${domain}`);

/** What is wrong with the key of a label or a taint; undefined when nothing is. */
export function labelKeyProblem(key: string): string | undefined {
  const slash = key.indexOf('/');
  const prefix = key.slice(0, Math.max(slash, 0));
  const isPrefixFine = slash < 0 || (prefix.length <= 253 && /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(prefix));
  if (isPrefixFine && isName(key.slice(slash + 1))) return undefined;
  return `"${key}" is no key of a label: NAME or PREFIX/NAME, such as example.com/disk`;
}

/** What is wrong with the value of a label or a taint; it may be empty. */
export function labelValueProblem(value: string): string | undefined {
  if (value === '' || isName(value)) return undefined;
  return `"${value}" is no value of a label: at most 63 letters, digits, dashes, underscores and dots`;
}

/** As labelKeyProblem, and what a node may not say of itself, since it would draw pods to it. */
export function checkNodeLabel(key: string): string | undefined {
  const prefix = key.slice(0, Math.max(key.indexOf('/'), 0));
  const isReserved = isBelow(prefix, 'kubernetes.io') || isBelow(prefix, 'k8s.io');
  const isAllowed =
    allowedKeys.has(key) || isBelow(prefix, 'kubelet.kubernetes.io') || isBelow(prefix, 'node.kubernetes.io');
  if (isReserved && (!isAllowed || isBelow(prefix, 'node-restriction.kubernetes.io')))
    return 'a node may not give itself this label: set it by kubectl label node';
  return labelKeyProblem(key);
}

function isName(text: string): boolean {
  return text.length <= 63 && /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/.test(text);
}
