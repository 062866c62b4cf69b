import assert from 'node:assert/strict';
import { createPublicKey, verify, type webcrypto } from 'node:crypto';
import { test } from 'node:test';
import { createSigningKey } from '../../pki/index.ts';
import { createServiceAccountTokens } from '../authn/service-account-tokens.ts';
import { lookupOf } from '../resources/testing.ts';
import { issuerDocuments } from './issuer.ts';

const issuer = 'https://kubernetes.default.svc';
const tokens = createServiceAccountTokens({ ...(await createSigningKey()), issuer }, lookupOf(), () => new Date());
const documents = new Map(issuerDocuments(tokens, '10.0.0.1:6443'));

test('who knows only the issuer finds the keys', () => {
  const { body } = documents.get('/.well-known/openid-configuration') ?? {};
  assert.deepEqual(body, {
    issuer,
    jwks_uri: 'https://10.0.0.1:6443/openid/v1/jwks',
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
  });
});

test('a token is checked with the key that its header names', () => {
  const { body } = documents.get('/openid/v1/jwks') ?? {};
  const account = { metadata: { name: 'robot', namespace: 'shop', uid: 'r1' } };
  const { token } = tokens.issue({ account, audiences: [], seconds: 600 });
  const [header = '', claims = '', signature = ''] = token.split('.');
  const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { kid: string };
  const key = (body as { keys: (webcrypto.JsonWebKey & { kid: string; d?: string })[] }).keys.find(
    (each) => each.kid === kid,
  );
  assert.ok(key);
  assert.equal(key.d, undefined);
  const publicKey = { key: createPublicKey({ key, format: 'jwk' }), dsaEncoding: 'ieee-p1363' as const };
  const signed = Buffer.from(`${header}.${claims}`);
  assert.ok(verify('sha256', signed, publicKey, Buffer.from(signature, 'base64url')));
});
