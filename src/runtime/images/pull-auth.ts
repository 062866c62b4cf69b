/** How a registry wants to be asked: Basic, or a token from the service that its challenge names (distribution's token scheme). */
import type { RegistryCredentials } from '../contract.ts';
import { readBody, type RegistryConnection } from './pull-connection.ts';
import { PullError } from './pull-error.ts';

const maxTokenBytes = 256 * 1024;

export interface Challenge {
  readonly scheme: 'basic' | 'bearer';
  readonly realm: string | undefined;
  readonly service: string | undefined;
}

/** Of a WWW-Authenticate header; undefined when it asks for nothing that we know. */
export function parseChallenge(header: string): Challenge | undefined {
  const scheme = /^\s*(basic|bearer)\b/i.exec(header)?.[1]?.toLowerCase();
  if (scheme !== 'basic' && scheme !== 'bearer') return undefined;
  const value = (name: string): string | undefined => new RegExp(`[\\s,]${name}="([^"]*)"`, 'i').exec(header)?.[1];
  return { scheme, realm: value('realm'), service: value('service') };
}

function basic({ username, password }: RegistryCredentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

/**
 * The value of the Authorization header that answers the challenge for pulling from `path`; undefined when there is none to give.
 * Rejects when the token service refuses.
 */
export async function answerChallenge(
  connection: RegistryConnection,
  challenge: Challenge,
  path: string,
  credentials: RegistryCredentials | undefined,
): Promise<string | undefined> {
  if (challenge.scheme === 'basic') return credentials === undefined ? undefined : basic(credentials);
  if (challenge.realm === undefined || !URL.canParse(challenge.realm)) return undefined;
  const scope = `repository:${path}:pull`;
  const service: Record<string, string> = challenge.service === undefined ? {} : { service: challenge.service };
  const url = new URL(challenge.realm);
  const { identityToken } = credentials ?? {};
  if (identityToken === undefined)
    for (const [name, value] of Object.entries({ ...service, scope })) url.searchParams.set(name, value);
  const response = await connection.send(
    identityToken === undefined
      ? { url, headers: credentials === undefined ? {} : { authorization: basic(credentials) } }
      : {
          url,
          method: 'POST',
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
          body: new URLSearchParams({
            grant_type: 'refresh_token',
            refresh_token: identityToken,
            client_id: 'podwire',
            scope,
            ...service,
          }).toString(),
        },
  );
  const bytes = await readBody(response, maxTokenBytes);
  if (response.statusCode !== 200) throw refusal(url.host, response.statusCode ?? 0);
  return `Bearer ${tokenIn(bytes, url.host)}`;
}

function refusal(host: string, status: number): PullError {
  if (status === 401 || status === 403) return new PullError(`${host} refuses these credentials (${status})`, 'denied');
  return new PullError(`${host} gives no token (${status})`, status >= 500 || status === 429 ? 'transient' : 'other');
}

function tokenIn(bytes: Buffer, host: string): string {
  try {
    const { token, access_token: accessToken } = JSON.parse(bytes.toString()) as Record<string, unknown>;
    const found = token ?? accessToken;
    if (typeof found === 'string' && /^[\x21-\x7e]+$/.test(found)) return found;
  } catch {
    // told below
  }
  throw new PullError(`${host} answered without a token`, 'other');
}
