/** ConfigMaps. */
import { configMaps } from '../../api/resources.ts';
import type { ConfigMap } from '../../api/types.gen.ts';
import type { FieldError, ResourceRow, Strategy } from '../resource.ts';
import { forbidden, invalid, invalidEach, keyOf, tooLong } from '../validation/field-error.ts';
import { validateMeta, validateMetaUpdate } from '../validation/metadata.ts';
import { configKey, nameIsSubdomain } from '../validation/names.ts';
import { same } from '../validation/same.ts';
import { ageColumn, column, nameColumn } from './columns.ts';

/** All values of a ConfigMap or of a Secret together, in bytes. */
export const MAX_DATA_BYTES = 1024 * 1024;

/** The bytes that base64 text stands for. */
export const decodedBytes = (text: string): number => Buffer.byteLength(text, 'base64');

function validate(configMap: ConfigMap): FieldError[] {
  const { data = {}, binaryData = {} } = configMap;
  const errors = validateMeta(configMap.metadata, true, nameIsSubdomain);
  let size = 0;
  for (const [key, value] of Object.entries(data)) {
    errors.push(...invalidEach(keyOf('data', key), key, configKey(key)));
    if (key in binaryData) errors.push(invalid(keyOf('data', key), key, 'duplicate of key present in binaryData'));
    size += Buffer.byteLength(value);
  }
  for (const [key, value] of Object.entries(binaryData)) {
    errors.push(...invalidEach(keyOf('binaryData', key), key, configKey(key)));
    size += decodedBytes(value);
  }
  return size > MAX_DATA_BYTES ? [...errors, tooLong('', MAX_DATA_BYTES)] : errors;
}

/** What an object with `immutable: true` keeps, ConfigMap or Secret. */
export function validateImmutable<T extends { immutable?: boolean }>(
  object: T,
  old: T,
  fields: readonly (keyof T & string)[],
): FieldError[] {
  if (old.immutable !== true) return [];
  const detail = 'field is immutable when `immutable` is set';
  const changed: string[] = fields.filter((field) => !same(object[field], old[field]));
  return [...(object.immutable === true ? [] : ['immutable']), ...changed].map((field) => forbidden(field, detail));
}

const strategy: Strategy<ConfigMap> = {
  validate,
  validateUpdate: (configMap, old) => [
    ...validateMetaUpdate(configMap.metadata, old.metadata),
    ...validateImmutable(configMap, old, ['data', 'binaryData']),
  ],
};

const size = ({ data, binaryData }: ConfigMap): number =>
  Object.keys(data ?? {}).length + Object.keys(binaryData ?? {}).length;

export const configMapRow: ResourceRow<ConfigMap> = {
  type: configMaps,
  singular: 'configmap',
  shortNames: ['cm'],
  subresources: [],
  columns: [nameColumn, column('Data', 'How many keys it has.', size), ageColumn],
  strategy,
};
