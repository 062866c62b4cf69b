/** Approves what nodes ask for themselves: first certificates of machines that join, renewals, serving certificates. */
import { certificateSigningRequests, nodes, subjectAccessReviews } from '../../api/resources.ts';
import type { CertificateSigningRequest } from '../../api/types.gen.ts';
import { startController, unlessGone, type ControllerContext } from '../controller.ts';
import { judge, kubeletClient, kubeletServing, type Circumstances, type Verdict } from './judge-request.ts';
import { hasVerdict, readWish, withCondition } from './requests.ts';

export interface ApproverOptions {
  readonly isApiServer: Circumstances['isApiServer'];
}

/** Starts the controller; it ends with the context's signal. */
export function startCertificateApprover(context: ControllerContext, { isApiServer }: ApproverOptions): void {
  const { client, informers, logger, now } = context;
  const requests = informers.informer(certificateSigningRequests);
  const nodeInformer = informers.informer(nodes);

  const mayAsk = async ({ spec }: CertificateSigningRequest, subresource: string): Promise<boolean> => {
    const { username: user = '', groups = [], uid = '', extra = {} } = spec;
    const { group, resource } = certificateSigningRequests;
    const resourceAttributes = { verb: 'create', group, resource, subresource };
    const review = { metadata: {}, spec: { user, groups, uid, extra, resourceAttributes } };
    return (await client.create(subjectAccessReviews, review)).status?.allowed === true;
  };

  const decide = async (request: CertificateSigningRequest, verdict: Verdict): Promise<void> => {
    const { kind, message } = verdict;
    const what = { request: request.metadata.name, by: request.spec.username, why: message };
    if (kind === 'wait') return logger.info('a certificate waits', what);
    if (kind === 'ask' && !(await mayAsk(request, verdict.right))) return;
    const condition =
      kind === 'deny'
        ? { type: 'Denied', status: 'True', reason: 'AutoDenied', message }
        : { type: 'Approved', status: 'True', reason: 'AutoApproved', message };
    const changed = withCondition(request, condition, now());
    await unlessGone(client.update(certificateSigningRequests, changed, 'approval'));
    logger.info(kind === 'deny' ? 'a certificate is denied' : 'a certificate is approved', what);
  };

  const isOurs = ({ spec }: CertificateSigningRequest): boolean =>
    spec.signerName === kubeletClient || spec.signerName === kubeletServing;

  const queue = startController(context, {
    name: 'csrapproving',
    after: [requests, nodeInformer],
    reconcile: async (key) => {
      const request = requests.get(key);
      if (request === undefined || !isOurs(request) || hasVerdict(request)) return;
      const wish = await readWish(request);
      if (wish === undefined) return;
      const verdict = judge(request, wish, { nodes: nodeInformer.list(), isApiServer });
      if (verdict !== undefined) await decide(request, verdict);
    },
  });

  requests.onChange(({ object }) => queue.add(object.metadata.name ?? ''));
  // A serving certificate may wait for its Node; few requests are undecided at any time.
  nodeInformer.onChange(() => {
    for (const request of requests.list())
      if (isOurs(request) && !hasVerdict(request)) queue.add(request.metadata.name ?? '');
  });
}
