/** Signs what is approved, for the built-in signers of kubelets and of clients of the API. */
import { certificateSigningRequests } from '../../api/resources.ts';
import type { CertificateSigningRequest } from '../../api/types.gen.ts';
import type { CertificateWish, KeyPairPem, Terms } from '../../pki/index.ts';
import { startController, unlessGone, type ControllerContext } from '../controller.ts';
import { formProblem, kubeletClient, kubeletServing } from './judge-request.ts';
import { isApproved, isFailed, isIssued, readWish, withCondition } from './requests.ts';

export interface SignerOptions {
  /** The cluster's CA, with its key. */
  readonly authority: KeyPairPem;
  /** How long a certificate is good for, unless less was asked for. */
  readonly signingSeconds: number;
}

const apiClient = 'kubernetes.io/kube-apiserver-client';
const signers: ReadonlySet<string> = new Set([apiClient, kubeletClient, kubeletServing]);

/** Why a person's yes is not enough; undefined when it is. */
function problemOf({ spec: { signerName, usages = [] } }: CertificateSigningRequest, wish: CertificateWish) {
  if (signerName !== apiClient) return formProblem(signerName, wish, usages);
  if (!usages.includes('client auth') || usages.includes('server auth')) return 'it is not for client auth alone';
  // Nobody takes those rights away again: upstream forbids it as well (CertificateSubjectRestriction).
  return wish.organizations.includes('system:masters') ? 'it asks for the group system:masters' : undefined;
}

function termsOf({ spec }: CertificateSigningRequest, signingSeconds: number): Terms {
  const uses = (['server auth', 'client auth'] as const).filter((use) => (spec.usages ?? []).includes(use));
  return { uses, seconds: Math.min(signingSeconds, spec.expirationSeconds ?? signingSeconds) };
}

/** Starts the controller; it ends with the context's signal. */
export function startCertificateSigner(context: ControllerContext, options: SignerOptions): void {
  const { client, informers, logger, now } = context;
  const requests = informers.informer(certificateSigningRequests);
  const authority = async () => (await import('../../pki/index.ts')).loadAuthority(options.authority);
  let loaded: ReturnType<typeof authority> | undefined;

  const fail = async (request: CertificateSigningRequest, message: string): Promise<void> => {
    const condition = { type: 'Failed', status: 'True', reason: 'SignerValidationFailure', message };
    await unlessGone(client.update(certificateSigningRequests, withCondition(request, condition, now()), 'status'));
  };

  const queue = startController(context, {
    name: 'csrsigning',
    after: [requests],
    reconcile: async (key) => {
      const request = requests.get(key);
      if (request === undefined || !signers.has(request.spec.signerName)) return;
      if (!isApproved(request) || isIssued(request) || isFailed(request)) return;
      const wish = await readWish(request);
      const problem =
        wish === undefined ? 'the request cannot be read, or its key did not sign it' : problemOf(request, wish);
      if (wish === undefined || problem !== undefined) return fail(request, problem ?? '');
      loaded ??= authority();
      const pem = await (await loaded).sign(wish, wish.publicKey, termsOf(request, options.signingSeconds));
      const status = { ...request.status, certificate: Buffer.from(pem).toString('base64') };
      await unlessGone(client.update(certificateSigningRequests, { ...request, status }, 'status'));
      logger.info('a certificate is signed', { request: key, for: wish.commonName, signer: request.spec.signerName });
    },
  });

  requests.onChange(({ object }) => queue.add(object.metadata.name ?? ''));
}
