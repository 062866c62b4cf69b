/** Values that come from elsewhere: environment from keys and fields, files of the downward API. */
import type { EnvFromSource, EnvVar, ObjectFieldSelector, ResourceFieldSelector } from '../../../api/types.gen.ts';
import type { FieldError } from '../../resource.ts';
import { invalid, invalidEach, notSupported, required } from '../../validation/field-error.ts';
import { configKey, dnsLabel, dnsSubdomain, envName, qualifiedName } from '../../validation/names.ts';

/** The pod's fields that an environment variable may take. */
const envFields = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];

/** The pod's fields that a file of a downwardAPI volume may take. */
export const fileFields: readonly string[] = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
];

const resourceFields = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
];

/** `metadata.labels['key']` and plain paths. */
export function validateFieldRef(ref: ObjectFieldSelector, fields: readonly string[], path: string): FieldError[] {
  if (!ref.fieldPath) return [required(`${path}.fieldPath`)];
  const [, name, subscript] = /^(.*)\['(.*)'\]$/.exec(ref.fieldPath) ?? [];
  if (name !== undefined && subscript !== undefined) {
    if (name === 'metadata.annotations') return invalidEach(path, subscript, qualifiedName(subscript.toLowerCase()));
    if (name === 'metadata.labels') return invalidEach(path, subscript, qualifiedName(subscript));
    return [invalid(path, name, 'does not support subscript')];
  }
  return fields.includes(ref.fieldPath) ? [] : [notSupported(`${path}.fieldPath`, ref.fieldPath, fields)];
}

/** A container's limit or request. */
export function validateResourceFieldRef(ref: ResourceFieldSelector, path: string, inVolume: boolean): FieldError[] {
  if (inVolume && !ref.containerName) return [required(`${path}.containerName`)];
  if (!ref.resource) return [required(`${path}.resource`)];
  const known = resourceFields.includes(ref.resource) || /^(limits|requests)\.hugepages-/.test(ref.resource);
  return known ? [] : [notSupported(`${path}.resource`, ref.resource, resourceFields)];
}

function validateKeyRef(ref: { name?: string; key: string }, path: string): FieldError[] {
  const errors = invalidEach(`${path}.name`, ref.name ?? '', dnsSubdomain(ref.name ?? ''));
  if (!ref.key) return [...errors, required(`${path}.key`)];
  return [...errors, ...invalidEach(`${path}.key`, ref.key, configKey(ref.key))];
}

type Source = NonNullable<EnvVar['valueFrom']>;

const sources: readonly {
  readonly field: keyof Source;
  readonly validate: (source: Source, path: string) => FieldError[];
}[] = [
  { field: 'fieldRef', validate: (s, path) => (s.fieldRef ? validateFieldRef(s.fieldRef, envFields, path) : []) },
  {
    field: 'resourceFieldRef',
    validate: (s, path) => (s.resourceFieldRef ? validateResourceFieldRef(s.resourceFieldRef, path, false) : []),
  },
  {
    field: 'configMapKeyRef',
    validate: (s, path) => (s.configMapKeyRef ? validateKeyRef(s.configMapKeyRef, path) : []),
  },
  { field: 'secretKeyRef', validate: (s, path) => (s.secretKeyRef ? validateKeyRef(s.secretKeyRef, path) : []) },
  {
    field: 'fileKeyRef',
    validate: (s, path) => [
      ...(s.fileKeyRef?.key ? [] : [required(`${path}.key`)]),
      ...(s.fileKeyRef?.path ? [] : [required(`${path}.path`)]),
      ...invalidEach(`${path}.volumeName`, s.fileKeyRef?.volumeName, dnsLabel(s.fileKeyRef?.volumeName ?? '')),
    ],
  },
];

function validateValueFrom(variable: EnvVar, path: string): FieldError[] {
  const source = variable.valueFrom;
  if (source === undefined) return [];
  const set = sources.filter((row) => source[row.field] !== undefined);
  const errors = set.flatMap((row) => row.validate(source, `${path}.${row.field}`));
  if (set.length === 0) {
    const detail =
      'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`';
    errors.push(invalid(path, '', detail));
  } else if (variable.value) errors.push(invalid(path, '', 'may not be specified when `value` is not empty'));
  else if (set.length > 1) errors.push(invalid(path, '', 'may not have more than one field specified at a time'));
  return errors;
}

/** The variables of a container. */
export function validateEnv(env: readonly EnvVar[] | undefined, path: string): FieldError[] {
  return (env ?? []).flatMap((variable, i) => [
    ...(variable.name
      ? invalidEach(`${path}[${i}].name`, variable.name, envName(variable.name))
      : [required(`${path}[${i}].name`)]),
    ...validateValueFrom(variable, `${path}[${i}].valueFrom`),
  ]);
}

/** Whole ConfigMaps and Secrets as variables. */
export function validateEnvFrom(env: readonly EnvFromSource[] | undefined, path: string): FieldError[] {
  return (env ?? []).flatMap((source, i) => {
    const errors: FieldError[] = [];
    if (source.prefix) errors.push(...invalidEach(`${path}[${i}].prefix`, source.prefix, envName(source.prefix)));
    const fields = (['configMapRef', 'secretRef'] as const).filter((field) => source[field] !== undefined);
    for (const field of fields) {
      const name = source[field]?.name;
      if (!name) errors.push(required(`${path}[${i}].${field}.name`));
      else errors.push(...invalidEach(`${path}[${i}].${field}.name`, name, dnsSubdomain(name)));
    }
    if (fields.length === 0) errors.push(invalid(path, '', 'must specify one of: `configMapRef` or `secretRef`'));
    if (fields.length > 1) errors.push(invalid(path, '', 'may not have more than one field specified at a time'));
    return errors;
  });
}
