/** What the API server makes of a pod, for pods that a node reads from a file: its fields, its defaults, its validation. */
import { referencesOf } from '../api/pod-references.ts';
import { checkObject, definitionForKind } from '../api/schema/table.ts';
import type { Pod } from '../api/types.gen.ts';
import { setPodDefaults } from '../apiserver/resources/pod/defaults.ts';
import { validatePodSpec } from '../apiserver/resources/pod/validate-spec.ts';
import { validateMeta } from '../apiserver/validation/metadata.ts';
import { nameIsSubdomain } from '../apiserver/validation/names.ts';
import type { PodCheck, Problem } from '../kubelet/index.ts';

const definition = definitionForKind('', 'v1', 'Pod') ?? '';

/** Its mirror could not be made, and nobody could give the node what it names. */
function references(pod: Pod): Problem[] {
  const { secrets, configMaps, claims, serviceAccount } = referencesOf(pod);
  const volumes = pod.spec?.volumes ?? [];
  const found: readonly [boolean, string, string][] = [
    [serviceAccount !== '', 'spec.serviceAccountName', 'ServiceAccounts'],
    [secrets.size > 0, '', `Secrets (${[...secrets].join(', ')})`],
    [configMaps.size > 0, '', `ConfigMaps (${[...configMaps].join(', ')})`],
    [claims.size > 0, 'spec.volumes', `PersistentVolumeClaims (${[...claims].join(', ')})`],
    [volumes.some(({ projected }) => projected !== undefined), 'spec.volumes', 'projected volumes'],
    [(pod.spec?.resourceClaims ?? []).length > 0, 'spec.resourceClaims', 'ResourceClaims'],
  ];
  return found
    .filter(([isThere]) => isThere)
    .map(([, field, what]) => ({ field, message: `a static pod may not reference ${what}` }));
}

/** See {@link PodCheck}; as upstream, with fields that do not exist refused rather than ignored. */
export const staticPodCheck: PodCheck = {
  shape(value) {
    const { unknown, wrong } = checkObject(definition, value);
    const split = (text: string): Problem => {
      const [, field = '', message = text] = /^(.*?): (expected .*)$/.exec(text) ?? [];
      return { field, message };
    };
    return [...unknown.map((field) => ({ field, message: 'there is no such field' })), ...wrong.map(split)];
  },
  complete(pod) {
    setPodDefaults(pod);
    const spec = pod.spec ?? { containers: [] };
    return [
      ...references(pod),
      ...validateMeta(pod.metadata, true, nameIsSubdomain),
      ...validatePodSpec(spec, 'spec', true),
    ];
  },
};
