/** Who may speak to the kubelet: nobody without a certificate of the cluster's CA, and of those only the API server and administrators. */
import type { TLSSocket } from 'node:tls';
import { HttpError } from './errors.ts';

export interface Caller {
  readonly name: string;
  readonly groups: readonly string[];
}

/** What API servers call themselves towards kubelets (kubeadm's name). */
const apiServerNames = new Set(['kube-apiserver-kubelet-client']);
const adminGroup = 'system:masters';

function asList(value: string | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return [];
  return typeof value === 'string' ? [value] : value;
}

/** The caller by its certificate. Throws 401 when there is none that the CA signed. */
export function callerOf(socket: Pick<TLSSocket, 'authorized' | 'getPeerCertificate'>): Caller {
  if (!socket.authorized) throw new HttpError(401, 'Unauthorized');
  const subject = socket.getPeerCertificate().subject as Partial<Record<'CN' | 'O', string | string[]>> | undefined;
  const [name = ''] = asList(subject?.CN);
  if (name === '') throw new HttpError(401, 'Unauthorized');
  return { name, groups: asList(subject?.O) };
}

/** Throws 403 unless the caller may use the kubelet's API. */
export function authorize({ name, groups }: Caller): void {
  if (groups.includes(adminGroup) || apiServerNames.has(name)) return;
  throw new HttpError(403, `Forbidden (user=${name}, resource=nodes, subresource=proxy)`);
}
