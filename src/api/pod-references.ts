/** What a pod needs of other objects, and by that its node. Pure. */
import type { Container, Pod, Volume } from './types.gen.ts';

/** Names of objects in the pod's namespace. */
export interface PodReferences {
  readonly secrets: ReadonlySet<string>;
  readonly configMaps: ReadonlySet<string>;
  readonly claims: ReadonlySet<string>;
  readonly serviceAccount: string;
}

type Names = readonly (string | undefined)[];

function ofContainers(containers: readonly Container[]): { readonly secrets: Names; readonly configMaps: Names } {
  const env = containers.flatMap((container) => container.env ?? []);
  const envFrom = containers.flatMap((container) => container.envFrom ?? []);
  return {
    secrets: [
      ...env.map(({ valueFrom }) => valueFrom?.secretKeyRef?.name),
      ...envFrom.map(({ secretRef }) => secretRef?.name),
    ],
    configMaps: [
      ...env.map(({ valueFrom }) => valueFrom?.configMapKeyRef?.name),
      ...envFrom.map(({ configMapRef }) => configMapRef?.name),
    ],
  };
}

/** The secret that a volume's source names, whatever it calls it. */
const secretOf: readonly ((volume: Volume) => string | undefined)[] = [
  ({ secret }) => secret?.secretName,
  ({ azureFile }) => azureFile?.secretName,
  ({ cephfs }) => cephfs?.secretRef?.name,
  ({ cinder }) => cinder?.secretRef?.name,
  ({ csi }) => csi?.nodePublishSecretRef?.name,
  ({ flexVolume }) => flexVolume?.secretRef?.name,
  ({ iscsi }) => iscsi?.secretRef?.name,
  ({ rbd }) => rbd?.secretRef?.name,
  ({ scaleIO }) => scaleIO?.secretRef?.name,
  ({ storageos }) => storageos?.secretRef?.name,
];

const secretsOf = (volume: Volume): Names => [
  ...secretOf.map((read) => read(volume)),
  ...(volume.projected?.sources ?? []).map(({ secret }) => secret?.name),
];

const configMapsOf = (volume: Volume): Names => [
  volume.configMap?.name,
  ...(volume.projected?.sources ?? []).map(({ configMap }) => configMap?.name),
];

const names = (found: Names): ReadonlySet<string> =>
  new Set(found.filter((name) => name !== undefined).filter((name) => name !== ''));

/** Made by a kubelet, to show what it runs from a file; it must not reach any object. */
export const isMirrorPod = ({ metadata }: Pick<Pod, 'metadata'>): boolean =>
  metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined;

export function referencesOf({ metadata, spec }: Pod): PodReferences {
  const { containers = [], initContainers = [], ephemeralContainers = [], volumes = [] } = spec ?? {};
  const all = ofContainers([...containers, ...initContainers, ...ephemeralContainers]);
  const pullSecrets = (spec?.imagePullSecrets ?? []).map(({ name }) => name);
  return {
    secrets: names([...pullSecrets, ...all.secrets, ...volumes.flatMap(secretsOf)]),
    configMaps: names([...all.configMaps, ...volumes.flatMap(configMapsOf)]),
    claims: names(
      volumes.map(({ persistentVolumeClaim, ephemeral, name }) =>
        ephemeral === undefined ? persistentVolumeClaim?.claimName : `${metadata.name}-${name}`,
      ),
    ),
    serviceAccount: spec?.serviceAccountName ?? '',
  };
}
