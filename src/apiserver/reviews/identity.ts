/** Who is somebody? The reviews of authentication.k8s.io. */
import type { TokenReview } from '../../api/types.gen.ts';
import type { Machinery } from '../machinery.ts';
import type { ResourceRequest, User } from '../request.ts';

function userInfo({ name, uid, groups, extra }: User): object {
  return { username: name, ...(uid !== undefined && { uid }), groups, ...(extra !== undefined && { extra }) };
}

export function answerSelf(_machinery: Machinery, { user }: ResourceRequest): object {
  return { userInfo: userInfo(user) };
}

/** Kubelets ask this of tokens that are shown to them. */
export function answerToken({ tokens }: Machinery, _request: ResourceRequest, review: unknown): object {
  const { token = '', audiences = [] } = (review as TokenReview).spec;
  const verdict = tokens.check(token, audiences.length > 0 ? audiences : [tokens.issuer]);
  if (verdict === undefined) return { authenticated: false, user: {}, error: 'invalid bearer token' };
  return { authenticated: true, user: userInfo(verdict.user), audiences: verdict.audiences };
}
