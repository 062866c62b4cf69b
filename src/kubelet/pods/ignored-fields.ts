/** What a pod asks for and this node does not do: told, not passed over in silence. Pure. */
import type { Container, Pod } from '../../api/types.gen.ts';

type Row<T> = readonly [field: string, isSet: (from: T) => boolean];

const ofPod: readonly Row<Pod>[] = [
  ['spec.hostUsers', ({ spec }) => spec?.hostUsers === false],
  ['spec.securityContext.seccompProfile', ({ spec }) => isConfining(spec?.securityContext?.seccompProfile)],
  ['spec.securityContext.appArmorProfile', ({ spec }) => isConfining(spec?.securityContext?.appArmorProfile)],
  ['spec.securityContext.seLinuxOptions', ({ spec }) => spec?.securityContext?.seLinuxOptions !== undefined],
];

const ofContainer: readonly Row<Container>[] = [
  ['securityContext.seccompProfile', ({ securityContext }) => isConfining(securityContext?.seccompProfile)],
  ['securityContext.appArmorProfile', ({ securityContext }) => isConfining(securityContext?.appArmorProfile)],
  ['securityContext.seLinuxOptions', ({ securityContext }) => securityContext?.seLinuxOptions !== undefined],
  ['securityContext.procMount', ({ securityContext }) => securityContext?.procMount === 'Unmasked'],
  ['volumeDevices', ({ volumeDevices }) => (volumeDevices ?? []).length > 0],
];

function isConfining(profile: { readonly type: string } | undefined): boolean {
  return profile !== undefined && profile.type !== 'Unconfined';
}

/** Paths of fields that are set, and without effect on this node. */
export function ignoredFields(pod: Pod): readonly string[] {
  const own = ofPod.filter(([, isSet]) => isSet(pod)).map(([field]) => field);
  const inner = (['initContainers', 'containers'] as const).flatMap((list) =>
    (pod.spec?.[list] ?? []).flatMap((container, index) =>
      ofContainer.filter(([, isSet]) => isSet(container)).map(([field]) => `spec.${list}[${index}].${field}`),
    ),
  );
  return [...own, ...inner];
}
