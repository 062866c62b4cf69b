/** Secrets. */
import { secrets } from '../../api/resources.ts';
import type { Secret } from '../../api/types.gen.ts';
import type { FieldError, ResourceRow, Strategy } from '../resource.ts';
import { immutable, invalid, invalidEach, keyOf, required, tooLong } from '../validation/field-error.ts';
import { validateMeta, validateMetaUpdate } from '../validation/metadata.ts';
import { configKey, nameIsSubdomain } from '../validation/names.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import { decodedBytes, MAX_DATA_BYTES, validateImmutable } from './config-maps.ts';

/** `stringData` is only for writing: it goes into `data` as base64 and is never read back. */
function setDefaults(secret: Secret): void {
  secret.type ||= 'Opaque';
  const { stringData } = secret;
  delete secret.stringData;
  if (stringData === undefined) return;
  secret.data ??= {};
  for (const [key, value] of Object.entries(stringData)) secret.data[key] = Buffer.from(value).toString('base64');
}

function requireKeys(secret: Secret, ...keys: readonly string[]): FieldError[] {
  return keys.filter((key) => secret.data?.[key] === undefined).map((key) => required(keyOf('data', key)));
}

function requireJson(secret: Secret, key: string): FieldError[] {
  const value = secret.data?.[key];
  if (value === undefined) return [required(keyOf('data', key))];
  try {
    JSON.parse(Buffer.from(value, 'base64').toString());
    return [];
  } catch {
    // The parser's words may quote the content.
    return [invalid(keyOf('data', key), '<secret contents redacted>', 'not well-formed JSON')];
  }
}

/** What the types with a meaning must hold. */
const typeRules: Readonly<Record<string, (secret: Secret) => FieldError[]>> = {
  'kubernetes.io/service-account-token': ({ metadata }) => {
    const key = 'kubernetes.io/service-account.name';
    return metadata.annotations?.[key] ? [] : [required(keyOf('metadata.annotations', key))];
  },
  'kubernetes.io/dockercfg': (secret) => requireJson(secret, '.dockercfg'),
  'kubernetes.io/dockerconfigjson': (secret) => requireJson(secret, '.dockerconfigjson'),
  'kubernetes.io/basic-auth': (secret) => {
    const missing = requireKeys(secret, 'username', 'password');
    return missing.length === 2 ? missing : [];
  },
  'kubernetes.io/ssh-auth': (secret) =>
    secret.data?.['ssh-privatekey'] ? [] : [required(keyOf('data', 'ssh-privatekey'))],
  'kubernetes.io/tls': (secret) => requireKeys(secret, 'tls.crt', 'tls.key'),
};

function validate(secret: Secret): FieldError[] {
  const entries = Object.entries(secret.data ?? {});
  const errors = [
    ...validateMeta(secret.metadata, true, nameIsSubdomain),
    ...entries.flatMap(([key]) => invalidEach(keyOf('data', key), key, configKey(key))),
  ];
  const size = entries.reduce((sum, [, value]) => sum + decodedBytes(value), 0);
  if (size > MAX_DATA_BYTES) errors.push(tooLong('data', MAX_DATA_BYTES));
  return [...errors, ...(typeRules[secret.type ?? '']?.(secret) ?? [])];
}

const strategy: Strategy<Secret> = {
  setDefaults,
  validate,
  validateUpdate: (secret, old) => [
    ...validateMetaUpdate(secret.metadata, old.metadata),
    ...(secret.type === old.type ? [] : [immutable('type', secret.type)]),
    ...validateImmutable(secret, old, ['data']),
  ],
  selectableFields: { type: (secret) => secret.type ?? '' },
};

export const secretRow: ResourceRow<Secret> = {
  type: secrets,
  singular: 'secret',
  subresources: [],
  columns: [
    nameColumn,
    column('Type', 'What its keys mean.', (secret) => secret.type),
    column('Data', 'How many keys it has.', (secret) => Object.keys(secret.data ?? {}).length),
    ageColumn,
  ],
  strategy,
};
