/** Who asks: by client certificate, else by bearer token. There are no anonymous callers. */
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { unauthorized } from '../errors.ts';
import type { User } from '../request.ts';
import { certificateUser } from './certificate.ts';
import type { ServiceAccountTokens } from './service-account-tokens.ts';

export type Authenticate = (request: IncomingMessage) => User;

/** The function throws 401 for whom it does not know. */
export function createAuthenticator(tokens: ServiceAccountTokens, now: () => Date): Authenticate {
  return (request) => {
    const user = certificateUser(request.socket as TLSSocket, now());
    if (user === 'invalid') throw unauthorized();
    if (user !== undefined) return user;
    const [, token = ''] = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '') ?? [];
    const verdict = token === '' ? undefined : tokens.check(token, [tokens.issuer]);
    if (verdict === undefined) throw unauthorized();
    return verdict.user;
  };
}
