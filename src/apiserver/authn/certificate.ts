/** Client certificates: CN is the user, every O a group. */
import type { TLSSocket } from 'node:tls';
import type { User } from '../request.ts';

interface Known {
  readonly user: User;
  readonly validToMs: number;
}

/** Connections whose certificate has been looked at. */
const known = new WeakMap<TLSSocket, Known>();

const list = (value: string | readonly string[] | undefined): readonly string[] =>
  value === undefined ? [] : typeof value === 'string' ? [value] : value;

/**
 * The user of a connection: undefined when no certificate was sent, `invalid` when one was that our CA has not signed
 * for clients or that has run out.
 */
export function certificateUser(socket: TLSSocket, now: Date): User | 'invalid' | undefined {
  const seen = known.get(socket);
  if (seen !== undefined) return seen.validToMs > now.getTime() ? seen.user : 'invalid';
  const certificate = socket.getPeerCertificate();
  if (Object.keys(certificate).length === 0) return undefined;
  const [name = ''] = list(certificate.subject.CN);
  if (!socket.authorized || name === '') return 'invalid';
  const user = { name, groups: [...list(certificate.subject.O), 'system:authenticated'] };
  known.set(socket, { user, validToMs: Date.parse(certificate.valid_to) });
  return user;
}
