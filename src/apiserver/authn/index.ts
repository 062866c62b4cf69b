/**
 * Who asks: by client certificate, else by bearer token. Without either nobody is let in, but for the one object by which a machine
 * that wants to join finds the cluster's CA.
 */
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { unauthorized } from '../errors.ts';
import type { User } from '../request.ts';
import { certificateUser } from './certificate.ts';
import type { Lookup } from '../resource.ts';
import { bootstrapUser } from './bootstrap-tokens.ts';
import type { ServiceAccountTokens } from './service-account-tokens.ts';

export type Authenticate = (request: IncomingMessage) => User;

/** Read by everybody, when RBAC has it so (KEP-4633: anonymous requests for some paths alone). */
const publicObject = '/api/v1/namespaces/kube-public/configmaps/cluster-info';
const anonymous: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

/** The function throws 401 for whom it does not know. */
export function createAuthenticator(tokens: ServiceAccountTokens, lookup: Lookup, now: () => Date): Authenticate {
  return (request) => {
    const user = certificateUser(request.socket as TLSSocket, now());
    if (user === 'invalid') throw unauthorized();
    if (user !== undefined) return user;
    const { authorization } = request.headers;
    if (authorization === undefined && request.method === 'GET' && request.url === publicObject) return anonymous;
    const [, token = ''] = /^Bearer +(\S+)$/i.exec(authorization ?? '') ?? [];
    const known = token === '' ? undefined : userOfToken(token, { tokens, lookup, now });
    if (known === undefined) throw unauthorized();
    return known;
  };
}

interface Sources {
  readonly tokens: ServiceAccountTokens;
  readonly lookup: Lookup;
  readonly now: () => Date;
}

function userOfToken(token: string, { tokens, lookup, now }: Sources): User | undefined {
  return bootstrapUser(lookup, token, now()) ?? tokens.check(token, [tokens.issuer])?.user;
}
