/**
 * What a node may do: read what its own pods use, and its own Node, Lease and pods. Whom an object belongs to that it
 * writes is looked at in admission (../admission/node-restriction.ts), which sees the object. Modes of upstream 1.36.
 */
import type { PolicyRule } from '../../api/types.gen.ts';
import type { Attributes, Decision } from './attributes.ts';
import type { NodeUses, UsedResource } from './node-uses.ts';
import { ruleAllows } from './policy-rule.ts';

const allow: Decision = { allowed: true, reason: '' };
const refuse = (reason: string): Decision => ({ allowed: false, reason });

interface Question {
  readonly node: string;
  readonly asked: Attributes;
  readonly uses: NodeUses;
}

type Rule = (question: Question) => Decision;

const reads: ReadonlySet<string> = new Set(['get', 'list', 'watch']);
const writes: ReadonlySet<string> = new Set(['create', 'update', 'patch']);

function ifUsed({ node, asked, uses }: Question, resource: UsedResource): Decision {
  if (asked.name === '') return refuse('No Object name found');
  const isUsed = uses.uses(node, resource, asked.namespace, asked.name);
  return isUsed ? allow : refuse(`no relationship found between node '${node}' and this object`);
}

function readsUsed(question: Question, resource: UsedResource): Decision {
  const { verb, subresource, namespace } = question.asked;
  if (!reads.has(verb)) return refuse('can only read resources of this type');
  if (subresource !== '') return refuse('cannot read subresource');
  if (namespace === '') return refuse('can only read namespaced object of this type');
  return ifUsed(question, resource);
}

const claims: Rule = (question) => {
  const { verb, subresource } = question.asked;
  const isStatusWrite = subresource === 'status' && (verb === 'update' || verb === 'patch');
  if (!isStatusWrite && (subresource !== '' || verb !== 'get')) {
    return refuse('can only get individual resources of this type');
  }
  return ifUsed(question, 'persistentvolumeclaims');
};

const accounts: Rule = (question) => {
  const { verb, subresource, name } = question.asked;
  if (verb === 'get' && subresource === '') return readsUsed(question, 'serviceaccounts');
  if (verb !== 'create' || name === '') return refuse('can only create tokens for individual service accounts');
  if (subresource !== 'token') return refuse('can only create token subresource of serviceaccount');
  return ifUsed(question, 'serviceaccounts');
};

const leaseVerbs: ReadonlySet<string> = new Set(['get', ...writes, 'delete']);

const leases: Rule = ({ node, asked: { verb, namespace, name } }) => {
  if (!leaseVerbs.has(verb)) return refuse('can only get, create, update, patch, or delete a node lease');
  if (namespace !== 'kube-node-lease') {
    return refuse('can only access leases in the "kube-node-lease" system namespace');
  }
  // A create has no name yet: admission sees it.
  if (verb === 'create' || name === node) return allow;
  return refuse('can only access node lease with the same name as the requesting node');
};

const nodes: Rule = ({ node, asked: { verb, subresource, name } }) => {
  if (subresource === 'status') return verb === 'update' || verb === 'patch' ? allow : refuse('');
  if (subresource !== '') return refuse('');
  if (writes.has(verb)) return allow;
  if (!reads.has(verb)) return refuse('');
  if (name === node) return allow;
  const whose = name === '' ? 'all nodes' : `'${name}'`;
  return refuse(`node '${node}' cannot read ${whose}, only its own Node object`);
};

function listsOwnPods({ node, asked }: Question): boolean {
  return (asked.fields ?? []).some(
    ({ field, value, equal }) => equal && field === 'spec.nodeName' && value === node && node !== '',
  );
}

const pods: Rule = (question) => {
  const { verb, subresource, name } = question.asked;
  if (subresource === 'status') return verb === 'update' || verb === 'patch' ? allow : refuse('');
  if (subresource === 'eviction') return verb === 'create' ? allow : refuse('');
  if (subresource !== '') return refuse('');
  if (verb === 'create' || verb === 'delete') return allow;
  if (!reads.has(verb)) return refuse('');
  if (verb !== 'get' && listsOwnPods(question)) return allow;
  if (verb !== 'get' && name === '') return refuse('can only list/watch pods with spec.nodeName field selector');
  return ifUsed(question, 'pods');
};

/** Resources in which a node sees only what is its own. */
const divided: Readonly<Record<string, Rule>> = {
  secrets: (question) => readsUsed(question, 'secrets'),
  configmaps: (question) => readsUsed(question, 'configmaps'),
  persistentvolumeclaims: claims,
  serviceaccounts: accounts,
  'leases.coordination.k8s.io': leases,
  nodes,
  pods,
};

/** Decides for a node; everything that is not divided among nodes goes by `rules` (those of the role `system:node`). */
export function decideForNode(node: string, asked: Attributes, uses: NodeUses, rules: readonly PolicyRule[]): Decision {
  if (node === '') return refuse(`unknown node for user ${JSON.stringify(asked.user.name)}`);
  if (asked.path === undefined) {
    const key = asked.group === '' ? asked.resource : `${asked.resource}.${asked.group}`;
    const rule = Object.hasOwn(divided, key) ? divided[key] : undefined;
    if (rule !== undefined) return rule({ node, asked, uses });
  }
  return rules.some((rule) => ruleAllows(rule, asked)) ? allow : refuse('');
}
