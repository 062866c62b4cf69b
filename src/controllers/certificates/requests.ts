/** CertificateSigningRequests as the controllers of this folder read and change them. */
import { formatTime } from '../../api/time.ts';
import type { CertificateSigningRequest, CertificateSigningRequestCondition } from '../../api/types.gen.ts';
import type { CertificateWish } from '../../pki/index.ts';

const has = ({ status }: CertificateSigningRequest, type: string): boolean =>
  (status?.conditions ?? []).some((condition) => condition.type === type);

export const isApproved = (request: CertificateSigningRequest): boolean =>
  has(request, 'Approved') && !has(request, 'Denied');
export const isFailed = (request: CertificateSigningRequest): boolean => has(request, 'Failed');
export const hasVerdict = (request: CertificateSigningRequest): boolean =>
  has(request, 'Approved') || has(request, 'Denied');
export const isIssued = ({ status }: CertificateSigningRequest): boolean => (status?.certificate ?? '') !== '';

/** A copy with one more condition. */
export function withCondition(
  request: CertificateSigningRequest,
  condition: CertificateSigningRequestCondition,
  now: Date,
): CertificateSigningRequest {
  const time = formatTime(now);
  const stamped = { ...condition, lastUpdateTime: time, lastTransitionTime: time };
  return { ...request, status: { ...request.status, conditions: [...(request.status?.conditions ?? []), stamped] } };
}

/** What it asks for; undefined when it cannot be read. The library is loaded with the first one: most clusters see none for days. */
export async function readWish({ spec }: CertificateSigningRequest): Promise<CertificateWish | undefined> {
  const { readCertificateRequest } = await import('../../pki/index.ts');
  return readCertificateRequest(Buffer.from(spec.request, 'base64').toString('latin1')).catch(() => undefined);
}
