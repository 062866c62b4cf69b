/** Volumes and where containers mount them. */
import type { Container, DownwardAPIVolumeFile, KeyToPath, Volume, VolumeProjection } from '../../../api/types.gen.ts';
import type { FieldError } from '../../resource.ts';
import {
  duplicate,
  forbidden,
  invalid,
  invalidEach,
  notFound,
  notSupported,
  required,
} from '../../validation/field-error.ts';
import { dnsLabel, dnsSubdomain } from '../../validation/names.ts';
import { fileFields, validateFieldRef, validateResourceFieldRef } from './validate-references.ts';

function validateMode(path: string, mode: number | undefined): FieldError[] {
  return mode !== undefined && (mode < 0 || mode > 0o777)
    ? [invalid(path, mode, 'must be a number between 0 and 0777 (octal), both inclusive')]
    : [];
}

function noBacksteps(path: string, value: string): FieldError[] {
  return value.split('/').includes('..') ? [invalid(path, value, "must not contain '..'")] : [];
}

/** A relative path that stays below where it starts. */
function descending(path: string, value: string): FieldError[] {
  const absolute = value.startsWith('/') ? [invalid(path, value, 'must be a relative path')] : [];
  return [...absolute, ...noBacksteps(path, value)];
}

/** As `descending`; names that start with two dots belong to the kubelet. */
function notReserved(path: string, value: string): FieldError[] {
  const errors = descending(path, value);
  if (value.startsWith('..') && !value.startsWith('../')) {
    errors.push(invalid(path, value, "must not start with '..'"));
  }
  return errors;
}

function validateItems(items: readonly KeyToPath[] | undefined, path: string): FieldError[] {
  return (items ?? []).flatMap((item, i) => [
    ...(item.key ? [] : [required(`${path}[${i}].key`)]),
    ...(item.path ? [] : [required(`${path}[${i}].path`)]),
    ...notReserved(`${path}[${i}].path`, item.path ?? ''),
    ...validateMode(`${path}[${i}].mode`, item.mode),
  ]);
}

function validateDownwardFile(file: DownwardAPIVolumeFile, path: string): FieldError[] {
  const errors = file.path ? [] : [required(`${path}.path`)];
  errors.push(...notReserved(`${path}.path`, file.path ?? ''), ...validateMode(`${path}.mode`, file.mode));
  if (file.fieldRef !== undefined) errors.push(...validateFieldRef(file.fieldRef, fileFields, `${path}.fieldRef`));
  else if (file.resourceFieldRef !== undefined) {
    errors.push(...validateResourceFieldRef(file.resourceFieldRef, `${path}.resourceFieldRef`, true));
  } else errors.push(required(path, 'one of fieldRef and resourceFieldRef is required'));
  if (file.fieldRef !== undefined && file.resourceFieldRef !== undefined) {
    errors.push(invalid(path, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously'));
  }
  return errors;
}

function validateToken(token: NonNullable<VolumeProjection['serviceAccountToken']>, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const seconds = token.expirationSeconds ?? 0;
  if (seconds < 600) {
    errors.push(invalid(`${path}.expirationSeconds`, seconds, 'may not specify a duration less than 10 minutes'));
  }
  if (seconds > 2 ** 32) {
    errors.push(invalid(`${path}.expirationSeconds`, seconds, 'may not specify a duration larger than 2^32 seconds'));
  }
  if (!token.path) errors.push(required(`${path}.path`));
  else errors.push(...notReserved(`${path}.path`, token.path));
  return errors;
}

function validateProjection(source: VolumeProjection, path: string): FieldError[] {
  const set = Object.keys(source);
  const [first, ...others] = set;
  if (first === undefined) return [required(path, 'must specify at least one source')];
  const errors = others.map((field) => forbidden(`${path}.${field}`, 'may not specify more than 1 volume type'));
  for (const field of ['secret', 'configMap'] as const) {
    const keyed = source[field];
    if (keyed === undefined) continue;
    if (!keyed.name) errors.push(required(`${path}.${field}.name`));
    errors.push(...validateItems(keyed.items, `${path}.${field}.items`));
  }
  for (const file of source.downwardAPI?.items ?? []) {
    errors.push(...validateDownwardFile(file, `${path}.downwardAPI`));
  }
  if (source.serviceAccountToken !== undefined) {
    errors.push(...validateToken(source.serviceAccountToken, `${path}.serviceAccountToken`));
  }
  return errors;
}

const hostPathTypes = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
];

type SourceRule = (volume: Volume, path: string) => FieldError[];

/** The sources that are looked into; others only count. */
const sourceRules: Readonly<Record<string, SourceRule>> = {
  hostPath: ({ hostPath }, path) => {
    if (!hostPath?.path) return [required(`${path}.path`)];
    const errors = noBacksteps(`${path}.path`, hostPath.path);
    const type = hostPath.type ?? '';
    return hostPathTypes.includes(type) ? errors : [...errors, notSupported(`${path}.type`, type, hostPathTypes)];
  },
  secret: ({ secret }, path) => [
    ...(secret?.secretName ? [] : [required(`${path}.secretName`)]),
    ...validateMode(`${path}.defaultMode`, secret?.defaultMode),
    ...validateItems(secret?.items, `${path}.items`),
  ],
  configMap: ({ configMap }, path) => [
    ...(configMap?.name ? [] : [required(`${path}.name`)]),
    ...validateMode(`${path}.defaultMode`, configMap?.defaultMode),
    ...validateItems(configMap?.items, `${path}.items`),
  ],
  downwardAPI: ({ downwardAPI }, path) => [
    ...validateMode(`${path}.defaultMode`, downwardAPI?.defaultMode),
    ...(downwardAPI?.items ?? []).flatMap((file) => validateDownwardFile(file, path)),
  ],
  projected: ({ projected }, path) => [
    ...validateMode(`${path}.defaultMode`, projected?.defaultMode),
    ...(projected?.sources ?? []).flatMap((source, i) => validateProjection(source, `${path}.sources[${i}]`)),
  ],
  persistentVolumeClaim: ({ persistentVolumeClaim: claim }, path) =>
    claim?.claimName
      ? invalidEach(`${path}.claimName`, claim.claimName, dnsSubdomain(claim.claimName))
      : [required(`${path}.claimName`)],
};

function validateVolume(volume: Volume, path: string): FieldError[] {
  const [first, ...others] = Object.keys(volume).filter((key) => key !== 'name');
  if (first === undefined) return [required(path, 'must specify a volume type')];
  return [
    ...(sourceRules[first]?.(volume, `${path}.${first}`) ?? []),
    ...others.map((field) => forbidden(`${path}.${field}`, 'may not specify more than 1 volume type')),
    ...(volume.name ? invalidEach(`${path}.name`, volume.name, dnsLabel(volume.name)) : [required(`${path}.name`)]),
  ];
}

/** The volumes, and by name those that are well-formed (only they may be mounted). */
export function validateVolumes(
  volumes: readonly Volume[] | undefined,
  path: string,
): { readonly errors: FieldError[]; readonly names: ReadonlySet<string> } {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  for (const [i, volume] of (volumes ?? []).entries()) {
    const found = validateVolume(volume, `${path}[${i}]`);
    if (names.has(volume.name)) found.push(duplicate(`${path}[${i}].name`, volume.name));
    if (found.length === 0) names.add(volume.name);
    errors.push(...found);
  }
  return { errors, names };
}

/** What a container mounts, and where. */
export function validateMounts(container: Container, volumes: ReadonlySet<string>, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const mountPaths = new Set<string>();
  for (const [i, mount] of (container.volumeMounts ?? []).entries()) {
    const at = `${path}[${i}]`;
    if (!mount.name) errors.push(required(`${at}.name`));
    if (!volumes.has(mount.name)) errors.push(notFound(`${at}.name`, mount.name));
    if (!mount.mountPath) errors.push(required(`${at}.mountPath`));
    if (mountPaths.has(mount.mountPath)) errors.push(invalid(`${at}.mountPath`, mount.mountPath, 'must be unique'));
    mountPaths.add(mount.mountPath);
    if (mount.subPath) errors.push(...descending(`${path}.subPath`, mount.subPath));
    if (mount.subPathExpr) errors.push(...descending(`${path}.subPathExpr`, mount.subPathExpr));
    if (mount.subPath && mount.subPathExpr) {
      const detail = 'subPathExpr and subPath are mutually exclusive';
      errors.push(invalid(`${at}.subPathExpr`, mount.subPathExpr, detail));
    }
    errors.push(...validatePropagation(mount.mountPropagation, container, `${path}.mountPropagation`));
  }
  return errors;
}

const propagations = ['Bidirectional', 'HostToContainer', 'None'];

function validatePropagation(mode: string | undefined, container: Container, path: string): FieldError[] {
  if (mode === undefined) return [];
  if (!propagations.includes(mode)) return [notSupported(path, mode, propagations)];
  if (mode !== 'Bidirectional' || container.securityContext?.privileged === true) return [];
  return [forbidden(path, 'Bidirectional mount propagation is available only to privileged containers')];
}
