import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ConfigMap, Secret } from '../../api/types.gen.ts';
import { configMapRow } from './config-maps.ts';
import { secretRow } from './secrets.ts';
import { cells, create, update } from './testing.ts';

const metadata = { name: 'conf', namespace: 'shop' };
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const MIB = 1024 * 1024;

describe('ConfigMaps', () => {
  const cases: readonly { what: string; configMap: Partial<ConfigMap>; says: readonly string[] }[] = [
    { what: 'empty is fine', configMap: {}, says: [] },
    { what: 'one mebibyte is fine', configMap: { data: { a: 'x'.repeat(MIB) } }, says: [] },
    {
      what: 'one byte more is too much',
      configMap: { data: { a: 'x'.repeat(MIB) }, binaryData: { b: 'AA==' } },
      says: [': Too long: may not be more than 1048576 bytes'],
    },
    {
      what: 'a key may stand in one of the two',
      configMap: { data: { a: '' }, binaryData: { a: '' } },
      says: ['data[a]: Invalid value: "a": duplicate of key present in binaryData'],
    },
    {
      what: 'a key becomes a file name',
      configMap: { data: { '..': '' } },
      says: [`data[..]: Invalid value: "..": must not be '..'`],
    },
  ];
  for (const { what, configMap, says } of cases) {
    it(what, () => {
      assert.deepEqual(create(configMapRow, { metadata, ...configMap }).errors, says);
    });
  }

  it('an immutable one stays, and stays immutable', () => {
    const old: ConfigMap = { metadata, immutable: true, data: { a: '1' } };
    const { errors } = update(configMapRow, old, (copy) => {
      copy.immutable = false;
      copy.data = { a: '2' };
    });
    assert.deepEqual(errors, [
      'immutable: Forbidden: field is immutable when `immutable` is set',
      'data: Forbidden: field is immutable when `immutable` is set',
    ]);
    assert.deepEqual(update(configMapRow, old, (copy) => (copy.metadata.labels = { a: 'b' })).errors, []);
  });

  it('prints how many keys it has', () => {
    assert.equal(cells(configMapRow, { metadata, data: { a: '', b: '' }, binaryData: { c: '' } })['Data'], 3);
  });
});

describe('Secrets', () => {
  it('stringData goes into data, over what is there, and is not kept', () => {
    const { object, errors } = create(secretRow, {
      metadata,
      data: { user: base64('old'), other: base64('x') },
      stringData: { user: 'anna', word: 'grüß' },
    });
    assert.deepEqual(errors, []);
    assert.deepEqual(object, {
      metadata,
      type: 'Opaque',
      data: { user: 'YW5uYQ==', other: 'eA==', word: 'Z3LDvMOf' },
    });
  });

  const cases: readonly { what: string; secret: Partial<Secret>; says: readonly string[] }[] = [
    {
      what: 'a TLS secret needs certificate and key',
      secret: { type: 'kubernetes.io/tls', data: { 'tls.crt': '' } },
      says: ['data[tls.key]: Required value'],
    },
    {
      what: 'basic-auth needs one of the two',
      secret: { type: 'kubernetes.io/basic-auth' },
      says: ['data[username]: Required value', 'data[password]: Required value'],
    },
    {
      what: 'basic-auth with a password only',
      secret: { type: 'kubernetes.io/basic-auth', data: { password: '' } },
      says: [],
    },
    {
      what: 'ssh-auth needs a key that is not empty',
      secret: { type: 'kubernetes.io/ssh-auth', data: { 'ssh-privatekey': '' } },
      says: ['data[ssh-privatekey]: Required value'],
    },
    {
      what: 'a pull secret is JSON, and its content is not repeated',
      secret: { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': base64('hunter2') } },
      says: ['data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": not well-formed JSON'],
    },
    {
      what: 'a token names its account',
      secret: { type: 'kubernetes.io/service-account-token' },
      says: ['metadata.annotations[kubernetes.io/service-account.name]: Required value'],
    },
    { what: 'a type of one’s own is fine', secret: { type: 'example.com/mine' }, says: [] },
    {
      what: 'too much',
      secret: { data: { a: base64('x'.repeat(MIB + 1)) } },
      says: ['data: Too long: may not be more than 1048576 bytes'],
    },
  ];
  for (const { what, secret, says } of cases) {
    it(what, () => {
      assert.deepEqual(create(secretRow, { metadata, ...secret }).errors, says);
    });
  }

  it('the type stays', () => {
    const old: Secret = { metadata, type: 'Opaque' };
    const { errors } = update(secretRow, old, (copy) => (copy.type = 'example.com/mine'));
    assert.deepEqual(errors, ['type: Invalid value: "example.com/mine": field is immutable']);
  });
});
