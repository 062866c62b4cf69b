/** May somebody do something? The reviews of authorization.k8s.io. */
import type {
  LocalSubjectAccessReview,
  ResourceAttributes,
  SelfSubjectAccessReview,
  SelfSubjectRulesReview,
  SubjectAccessReview,
} from '../../api/types.gen.ts';
import { parseFieldSelector, type FieldTerm } from '../../api/selectors.ts';
import type { Attributes } from '../authz/attributes.ts';
import { badRequest } from '../errors.ts';
import type { Machinery } from '../machinery.ts';
import type { ResourceRequest } from '../request.ts';

type User = Attributes['user'];
type Question = Pick<SelfSubjectAccessReview['spec'], 'resourceAttributes' | 'nonResourceAttributes'>;

/** `In` with one value is an equation; other operators narrow nothing that is looked at here. */
function fieldsOf({ fieldSelector }: ResourceAttributes): readonly FieldTerm[] {
  const { rawSelector = '', requirements = [] } = fieldSelector ?? {};
  if (rawSelector !== '') return parseFieldSelector(rawSelector);
  return requirements
    .filter(({ operator, values }) => operator === 'In' && values?.length === 1)
    .map(({ key, values = [] }) => ({ field: key, value: values[0] ?? '', equal: true }));
}

function resourceQuestion(user: User, asked: ResourceAttributes): Attributes {
  const { verb = '', group = '', resource = '', subresource = '', namespace = '', name = '' } = asked;
  return { user, verb, group, resource, subresource, namespace, name, fields: fieldsOf(asked) };
}

function decide(machinery: Machinery, user: User, question: Question): object {
  const { resourceAttributes: resource, nonResourceAttributes: other } = question;
  if ((resource === undefined) === (other === undefined)) {
    throw badRequest('exactly one of nonResourceAttributes or resourceAttributes must be specified');
  }
  const attributes =
    resource !== undefined
      ? resourceQuestion(user, resource)
      : { ...resourceQuestion(user, { verb: other?.verb ?? '' }), path: other?.path ?? '' };
  const { allowed, reason } = machinery.authorizer.authorize(attributes);
  return { allowed, ...(reason !== '' && { reason }) };
}

export function answerOwnAccess(machinery: Machinery, { user }: ResourceRequest, review: unknown): object {
  return decide(machinery, user, (review as SelfSubjectAccessReview).spec);
}

/** Also of LocalSubjectAccessReview, which asks within its own namespace. */
export function answerAccess(machinery: Machinery, { path }: ResourceRequest, review: unknown): object {
  const { spec } = review as SubjectAccessReview | LocalSubjectAccessReview;
  if (path.namespace !== '' && (spec.resourceAttributes?.namespace ?? '') !== path.namespace) {
    throw badRequest('spec.resourceAttributes.namespace must match the namespace of the review');
  }
  if ((spec.user ?? '') === '' && (spec.groups ?? []).length === 0) {
    throw badRequest('at least one of user or group must be specified');
  }
  return decide(machinery, { name: spec.user ?? '', groups: spec.groups ?? [] }, spec);
}

export function answerOwnRules(machinery: Machinery, { user }: ResourceRequest, review: unknown): object {
  const { namespace = '' } = (review as SelfSubjectRulesReview).spec;
  if (namespace === '') throw badRequest('no namespace on request');
  const { rules, incomplete } = machinery.authorizer.rulesOf(user, namespace);
  const ofResources = rules.filter(({ resources }) => resources?.length);
  const ofPaths = rules.filter(({ nonResourceURLs }) => nonResourceURLs?.length);
  return {
    resourceRules: ofResources.map(({ verbs, apiGroups, resources, resourceNames }) => ({
      verbs,
      apiGroups,
      resources,
      ...(resourceNames?.length && { resourceNames }),
    })),
    nonResourceRules: ofPaths.map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
    incomplete: incomplete !== undefined,
    ...(incomplete !== undefined && { evaluationError: incomplete }),
  };
}
