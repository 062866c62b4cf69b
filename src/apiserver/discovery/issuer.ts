/** For those who check ServiceAccount tokens without asking this server about each: who issues them, and the keys (OpenID Connect Discovery 1.0). */
import type { ServiceAccountTokens } from '../authn/service-account-tokens.ts';
import type { Document } from './index.ts';

const keysPath = '/openid/v1/jwks';

/** By path. `serverAddress`: HOST:PORT; the keys are fetched there, since the issuer's name may lead nowhere. */
export function issuerDocuments(
  { issuer, keys }: Pick<ServiceAccountTokens, 'issuer' | 'keys'>,
  serverAddress: string,
): readonly (readonly [path: string, document: Document])[] {
  const configuration = {
    issuer,
    jwks_uri: `https://${serverAddress}${keysPath}`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [...new Set(keys.map(({ alg }) => alg))],
  };
  return [
    ['/.well-known/openid-configuration', { body: configuration }],
    [keysPath, { body: { keys }, contentType: 'application/jwk-set+json' }],
  ];
}
