import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Secret } from '../../api/types.gen.ts';
import type { Lookup } from '../resource.ts';
import { bootstrapUser } from './bootstrap-tokens.ts';

const now = new Date('2026-01-01T12:00:00Z');
const good = {
  'token-id': 'abcdef',
  'token-secret': '0123456789abcdef',
  'usage-bootstrap-authentication': 'true',
  'auth-extra-groups': 'system:bootstrappers:a,system:bootstrappers:b:c',
  expiration: '2026-01-01T12:00:01Z',
};

function user(
  data: Partial<Record<keyof typeof good, string | undefined>> = {},
  token = 'abcdef.0123456789abcdef',
  secret: Partial<Secret> = {},
) {
  const entries = Object.entries({ ...good, ...data }).filter(([, value]) => value !== undefined);
  const stored: Secret = {
    metadata: { namespace: 'kube-system', name: 'bootstrap-token-abcdef' },
    type: 'bootstrap.kubernetes.io/token',
    data: Object.fromEntries(entries.map(([key, value]) => [key, Buffer.from(String(value)).toString('base64')])),
    ...secret,
  };
  const get = (_: unknown, { namespace, name }: { namespace?: string; name: string }) =>
    namespace === stored.metadata.namespace && name === stored.metadata.name ? stored : undefined;
  return bootstrapUser({ get, list: () => [] } as unknown as Lookup, token, now);
}

describe('a bootstrap token', () => {
  it('signs in as itself, in its groups', () => {
    assert.deepEqual(user(), {
      name: 'system:bootstrap:abcdef',
      groups: ['system:bootstrappers', 'system:bootstrappers:a', 'system:bootstrappers:b:c', 'system:authenticated'],
    });
  });

  it('needs no end and no groups', () => {
    const found = user({ expiration: undefined, 'auth-extra-groups': undefined });
    assert.deepEqual(found?.groups, ['system:bootstrappers', 'system:authenticated']);
  });

  const refused: readonly [string, ...Parameters<typeof user>][] = [
    ['that has run out', { expiration: '2026-01-01T12:00:00Z' }],
    ['whose end cannot be read', { expiration: 'tomorrow' }],
    ['for signing alone', { 'usage-bootstrap-authentication': undefined }],
    ['in a group that is no bootstrappers’', { 'auth-extra-groups': 'system:bootstrappers:a,system:masters' }],
    ['under another id', { 'token-id': 'fedcba' }],
    ['with another secret', {}, 'abcdef.0123456789abcdeF'.toLowerCase().replace('f', '0')],
    ['with another secret at its end', {}, 'abcdef.0123456789abcde0'],
    ['in capitals', {}, 'ABCDEF.0123456789ABCDEF'],
    ['that nobody knows', {}, 'zzzzzz.0123456789abcdef'],
    ['without a secret', { 'token-secret': undefined }, 'abcdef.'],
    ['in a Secret of another type', {}, undefined, { type: 'Opaque' }],
    [
      'that is being deleted',
      {},
      undefined,
      {
        metadata: {
          namespace: 'kube-system',
          name: 'bootstrap-token-abcdef',
          deletionTimestamp: '2026-01-01T11:00:00Z',
        },
      },
    ],
    ['of another namespace', {}, undefined, { metadata: { namespace: 'default', name: 'bootstrap-token-abcdef' } }],
  ];
  for (const [what, ...args] of refused) it(`${what} signs nobody in`, () => assert.equal(user(...args), undefined));
});
