/** The files of configMap, secret, downwardAPI and projected volumes. Pure: what they refer to is fetched before. */
import type { DownwardAPIVolumeFile, KeyToPath, Pod, Quantity, Volume, VolumeProjection } from '../../api/types.gen.ts';
import type { References } from '../containers/env.ts';
import { fieldValue, resourceValue } from '../containers/field-ref.ts';
import { checkVolumePath, type VolumeFile, type VolumeFiles } from './atomic-files.ts';

export interface ProjectionInput {
  readonly pod: Pod;
  readonly references: References;
  readonly allocatable: Readonly<Record<string, Quantity>>;
  /** The token for a serviceAccountToken source. */
  readonly token: (source: TokenSource) => string;
}

export type TokenSource = NonNullable<VolumeProjection['serviceAccountToken']>;

const defaultFileMode = 0o644;

interface Source {
  readonly name?: string | undefined;
  readonly items?: readonly KeyToPath[] | undefined;
  readonly optional?: boolean | undefined;
}

function pick(data: ReadonlyMap<string, Buffer>, what: string, source: Source, mode: number): [string, VolumeFile][] {
  const items = source.items ?? [...data.keys()].map((key): KeyToPath => ({ key, path: key }));
  return items.flatMap((item): [string, VolumeFile][] => {
    const content = data.get(item.key);
    if (content === undefined) {
      if (source.optional === true) return [];
      throw new Error(`${what} references non-existent key: ${item.key}`);
    }
    return [[checkVolumePath(item.path), { content, mode: item.mode ?? mode }]];
  });
}

function missing(source: Source, what: string): Map<string, Buffer> {
  if (source.optional === true) return new Map();
  throw new Error(`${what} "${source.name ?? ''}" not found`);
}

function configMapFiles(source: Source, mode: number, { references }: ProjectionInput): [string, VolumeFile][] {
  const object = references.configMaps.get(source.name ?? '');
  if (object === undefined || object === null)
    return pick(missing(source, 'configmap'), 'configmap', { optional: true }, mode);
  const text = Object.entries(object.data ?? {}).map(([key, value]): [string, Buffer] => [key, Buffer.from(value)]);
  const binary = Object.entries(object.binaryData ?? {}).map(([key, value]): [string, Buffer] => [
    key,
    Buffer.from(value, 'base64'),
  ]);
  return pick(new Map([...text, ...binary]), 'configmap', source, mode);
}

function secretFiles(source: Source, mode: number, { references }: ProjectionInput): [string, VolumeFile][] {
  const object = references.secrets.get(source.name ?? '');
  if (object === undefined || object === null)
    return pick(missing(source, 'secret'), 'secret', { optional: true }, mode);
  const data = Object.entries(object.data ?? {}).map(([key, value]): [string, Buffer] => [
    key,
    Buffer.from(value, 'base64'),
  ]);
  return pick(new Map(data), 'secret', source, mode);
}

function downwardFiles(
  items: readonly DownwardAPIVolumeFile[],
  mode: number,
  input: ProjectionInput,
): [string, VolumeFile][] {
  const { pod, allocatable } = input;
  return items.map(({ path, fieldRef, resourceFieldRef, mode: own }) => {
    const value =
      fieldRef === undefined
        ? resourceFieldRef && resourceValue(pod, resourceFieldRef.containerName ?? '', resourceFieldRef, allocatable)
        : fieldValue(pod, fieldRef.fieldPath, { podIPs: [], hostIPs: [] });
    if (value === undefined) throw new Error(`downwardAPI: nothing to put into ${path}`);
    return [checkVolumePath(path), { content: Buffer.from(value), mode: own ?? mode }];
  });
}

function projectedFiles(
  sources: readonly VolumeProjection[],
  mode: number,
  input: ProjectionInput,
): [string, VolumeFile][] {
  return sources.flatMap(({ configMap, secret, downwardAPI, serviceAccountToken }): [string, VolumeFile][] => {
    if (configMap !== undefined) return configMapFiles(configMap, mode, input);
    if (secret !== undefined) return secretFiles(secret, mode, input);
    if (downwardAPI !== undefined) return downwardFiles(downwardAPI.items ?? [], mode, input);
    if (serviceAccountToken === undefined) throw new Error('projected volume: a source that is not supported');
    const content = Buffer.from(input.token(serviceAccountToken));
    return [[checkVolumePath(serviceAccountToken.path), { content, mode }]];
  });
}

/** The files of such a volume; undefined for any other kind. Throws for what is missing and not optional. */
export function projectedVolumeFiles(volume: Volume, input: ProjectionInput): VolumeFiles | undefined {
  const { configMap, secret, downwardAPI, projected } = volume;
  const mode = (configMap ?? secret ?? downwardAPI ?? projected)?.defaultMode ?? defaultFileMode;
  if (configMap !== undefined) return new Map(configMapFiles(configMap, mode, input));
  if (secret !== undefined) return new Map(secretFiles({ ...secret, name: secret.secretName }, mode, input));
  if (downwardAPI !== undefined) return new Map(downwardFiles(downwardAPI.items ?? [], mode, input));
  if (projected !== undefined) return new Map(projectedFiles(projected.sources ?? [], mode, input));
  return undefined;
}

/** The objects to fetch before {@link projectedVolumeFiles}, and the tokens to ask for. */
export function projectionReferences(volumes: readonly Volume[]): {
  configMaps: string[];
  secrets: string[];
  tokens: TokenSource[];
} {
  const sources = volumes.flatMap(({ projected }) => projected?.sources ?? []);
  const names = (list: readonly (string | undefined)[]): string[] => list.filter((name) => name !== undefined);
  return {
    configMaps: names([
      ...volumes.map(({ configMap }) => configMap?.name),
      ...sources.map(({ configMap }) => configMap?.name),
    ]),
    secrets: names([...volumes.map(({ secret }) => secret?.secretName), ...sources.map(({ secret }) => secret?.name)]),
    tokens: sources.map(({ serviceAccountToken }) => serviceAccountToken).filter((source) => source !== undefined),
  };
}
