/** Reviews: questions to the server itself, which are created and never stored. */
import type { KubeObject } from '../../api/client.ts';
import { apiVersionOf } from '../../api/resources.ts';
import { readObject } from '../handlers/incoming.ts';
import type { Machinery } from '../machinery.ts';
import type { Reply, ResourceRequest } from '../request.ts';
import type { ResourceRow } from '../resource.ts';
import { answerAccess, answerOwnAccess, answerOwnRules } from './access.ts';
import { answerSelf, answerToken } from './identity.ts';

/** Answers the review's status. */
type Answer = (machinery: Machinery, request: ResourceRequest, review: KubeObject) => object;

interface Review {
  readonly row: ResourceRow;
  readonly answer: Answer;
}

function review(group: string, kind: string, answer: Answer, namespaced = false): Review {
  const singular = kind.toLowerCase();
  const type = { group, version: 'v1', resource: `${singular}s`, kind, namespaced };
  return { row: { type, singular, subresources: [], columns: [], strategy: { validate: () => [] } }, answer };
}

const reviews: readonly Review[] = [
  review('authorization.k8s.io', 'SelfSubjectAccessReview', answerOwnAccess),
  review('authorization.k8s.io', 'SubjectAccessReview', answerAccess),
  review('authorization.k8s.io', 'LocalSubjectAccessReview', answerAccess, true),
  review('authorization.k8s.io', 'SelfSubjectRulesReview', answerOwnRules),
  review('authentication.k8s.io', 'SelfSubjectReview', answerSelf),
  review('authentication.k8s.io', 'TokenReview', answerToken),
];

const answers = new Map(reviews.map(({ row, answer }) => [row, answer]));

/** The rows to serve beside those that are stored. */
export const reviewRows: readonly ResourceRow[] = reviews.map(({ row }) => row);

export function isReview(row: ResourceRow): boolean {
  return answers.has(row);
}

/** POST of a review. */
export async function createReview(machinery: Machinery, request: ResourceRequest): Promise<Reply> {
  const { type } = request.row;
  const definition = machinery.registry.definitionOf(request.row);
  const object = await readObject<KubeObject>(request, { apiVersion: apiVersionOf(type), kind: type.kind, definition });
  const status = answers.get(request.row)?.(machinery, request, object) ?? {};
  return { code: 201, body: { ...object, metadata: { ...object.metadata, creationTimestamp: null }, status } };
}
