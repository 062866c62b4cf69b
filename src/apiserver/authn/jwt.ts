/** JSON Web Tokens, ES256 and RS256: RFC 7515, RFC 7518, RFC 7519. */
import { sign, verify, type KeyObject } from 'node:crypto';
import { isJsonObject, type JsonObject } from '../../api/json-value.ts';

/** A longer token is not looked at. */
const maxTokenLength = 16 * 1024;

/** Throws when the key is of a kind that cannot be used. */
export function algorithmOf(key: KeyObject): 'ES256' | 'RS256' {
  if (key.asymmetricKeyType === 'rsa') return 'RS256';
  if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return 'ES256';
  throw new Error('ServiceAccount keys must be RSA or ECDSA P-256');
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function decode(part: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString());
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Throws when the key is of a kind that cannot be used. */
export function signJwt(claims: object, key: KeyObject, keyId: string): string {
  const content = `${encode({ alg: algorithmOf(key), kid: keyId })}.${encode(claims)}`;
  const signature = sign('sha256', Buffer.from(content), { key, dsaEncoding: 'ieee-p1363' });
  return `${content}.${signature.toString('base64url')}`;
}

/** The claims, when the token is signed by this key; the header's algorithm must be the key's own. */
export function verifyJwt(token: string, key: KeyObject): JsonObject | undefined {
  const parts = token.split('.');
  const [header = '', claims = '', signature = ''] = parts;
  if (token.length > maxTokenLength || parts.length !== 3) return undefined;
  if (decode(header)?.['alg'] !== algorithmOf(key)) return undefined;
  const content = Buffer.from(`${header}.${claims}`);
  const sound = verify('sha256', content, { key, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url'));
  return sound ? decode(claims) : undefined;
}
