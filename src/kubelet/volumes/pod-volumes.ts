/** Makes and removes the volumes of pods on this node. */
import { chmod, chown, mkdir, rm } from 'node:fs/promises';
import type { ApiClient } from '../../api/client.ts';
import type { Pod, Quantity, Volume, VolumeProjection } from '../../api/types.gen.ts';
import { fetchReferences } from '../containers/references.ts';
import type { PodDirs } from '../files/pod-dirs.ts';
import { writeVolumeFiles } from './atomic-files.ts';
import { prepareHostPath } from './host-path.ts';
import { projectedVolumeFiles, projectionReferences, type ProjectionInput } from './projection.ts';
import type { ServiceAccountTokens } from './tokens.ts';

/** A controller puts it into every namespace. */
const ROOT_CA = 'kube-root-ca.crt';

export interface PodVolumes {
  /** Makes what is missing and brings projected files up to date. Resolves with each volume's path on the node. Idempotent. */
  prepare(pod: Pod): Promise<ReadonlyMap<string, string>>;
  /**
   * Whether something that the pod names may be missing, so that nothing of it should run before its volumes are there. What
   * every pod gets of itself (scratch space, access to the API) comes sooner or later.
   */
  mayFail(pod: Pod): boolean;
  /** Whether the pod's volumes follow objects of the API, so that they are worth preparing again now and then. */
  follows(pod: Pod): boolean;
  /** Removes all that belongs to the pod. */
  remove(uid: string): Promise<void>;
}

export interface PodVolumesOptions {
  readonly client: ApiClient;
  /** Folders on disk. */
  readonly dirs: PodDirs;
  /** Folders in memory, for Secrets, tokens and `medium: Memory`. */
  readonly memoryDirs: PodDirs;
  readonly tokens: ServiceAccountTokens;
  readonly allocatable: () => Readonly<Record<string, Quantity>>;
}

function isSecretive({ secret, projected, emptyDir }: Volume): boolean {
  return secret !== undefined || projected !== undefined || emptyDir?.medium === 'Memory';
}

const isOfItself = ({ configMap, secret }: VolumeProjection): boolean =>
  secret === undefined && (configMap === undefined || configMap.name === ROOT_CA);

function isSure({ emptyDir, downwardAPI, projected }: Volume): boolean {
  if (projected !== undefined) return (projected.sources ?? []).every(isOfItself);
  return (emptyDir ?? downwardAPI) !== undefined;
}

async function prepareEmptyDir(path: string, group: number | undefined): Promise<string> {
  await mkdir(path, { recursive: true });
  if (group !== undefined) await chown(path, -1, group);
  await chmod(path, group === undefined ? 0o777 : 0o2777);
  return path;
}

async function projectionInput(pod: Pod, options: PodVolumesOptions): Promise<ProjectionInput> {
  const wanted = projectionReferences(pod.spec?.volumes ?? []);
  const [references, tokens] = await Promise.all([
    fetchReferences(options.client, pod.metadata.namespace ?? '', wanted),
    Promise.all(wanted.tokens.map(async (source) => [source, await options.tokens.token(pod, source)] as const)),
  ]);
  const bySource = new Map(tokens);
  return { pod, references, allocatable: options.allocatable(), token: (source) => bySource.get(source) ?? '' };
}

async function prepareOne(volume: Volume, input: ProjectionInput, options: PodVolumesOptions): Promise<string> {
  const { pod } = input;
  const group = pod.spec?.securityContext?.fsGroup;
  const path = (isSecretive(volume) ? options.memoryDirs : options.dirs).volume(pod.metadata.uid ?? '', volume.name);
  if (volume.hostPath !== undefined) return prepareHostPath(volume.hostPath);
  if (volume.emptyDir !== undefined) return prepareEmptyDir(path, group);
  const files = projectedVolumeFiles(volume, input);
  if (files === undefined) throw new Error('this kind of volume is not supported');
  await writeVolumeFiles(path, files, group);
  return path;
}

/** Volumes under the given folders. */
export function createPodVolumes(options: PodVolumesOptions): PodVolumes {
  return {
    async prepare(pod) {
      const volumes = pod.spec?.volumes ?? [];
      if (volumes.length === 0) return new Map();
      const input = await projectionInput(pod, options);
      const prepared = volumes.map(async (volume): Promise<[string, string]> => {
        try {
          return [volume.name, await prepareOne(volume, input, options)];
        } catch (error) {
          const reason = error instanceof Error ? error.message : String(error);
          throw new Error(`MountVolume.SetUp failed for volume "${volume.name}" : ${reason}`, { cause: error });
        }
      });
      return new Map(await Promise.all(prepared));
    },
    mayFail: (pod) => !(pod.spec?.volumes ?? []).every(isSure),
    follows(pod) {
      return (pod.spec?.volumes ?? []).some(
        ({ configMap, secret, downwardAPI, projected }) =>
          (configMap ?? secret ?? downwardAPI ?? projected) !== undefined,
      );
    },
    async remove(uid) {
      for (const dirs of [options.dirs, options.memoryDirs]) await rm(dirs.pod(uid), { recursive: true, force: true });
      options.tokens.forget(uid);
    },
  };
}
