/**
 * Who may say yes to a CertificateSigningRequest, and who may sign it: a right on its signer, beside the one on the subresource
 * (upstream's CertificateApproval and CertificateSigning).
 */
import { certificateSigningRequests } from '../../api/resources.ts';
import type { CertificateSigningRequest } from '../../api/types.gen.ts';
import type { Admission, StrategyContext } from '../resource.ts';
import { forbiddenObject } from '../validation/refusal.ts';

/** A right on one signer, or on all of its domain. */
function mayOnSigner({ permissions }: StrategyContext, verb: string, signerName: string): boolean {
  const names = [signerName, `${signerName.split('/')[0]}/*`];
  const { group } = certificateSigningRequests;
  return names.some((name) => permissions.allows({ verb, group, resource: 'signers', name, namespace: '' }));
}

export const mayApproveAndSign: Admission = ({ type }, object, old, context) => {
  if (type.group !== certificateSigningRequests.group || type.resource !== certificateSigningRequests.resource) return;
  const [request, before] = [object, old] as [CertificateSigningRequest, CertificateSigningRequest | undefined];
  const { signerName } = before?.spec ?? request.spec;
  const isSigned = (request.status?.certificate ?? '') !== (before?.status?.certificate ?? '');
  const verb = context.subresource === 'approval' ? 'approve' : isSigned ? 'sign' : undefined;
  if (verb === undefined || mayOnSigner(context, verb, signerName)) return;
  const why = `user not permitted to ${verb} requests with signerName ${JSON.stringify(signerName)}`;
  throw forbiddenObject(type, object.metadata.name ?? '', why);
};
