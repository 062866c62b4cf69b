/** RuntimeClasses: names for the runtimes of nodes, and what their pods cost and where they can run (KEP-585, KEP-688). */
import { runtimeClasses } from '../../api/resources.ts';
import type { RuntimeClass } from '../../api/types.gen.ts';
import type { FieldError, ResourceRow } from '../resource.ts';
import { immutable, invalidEach, required } from '../validation/field-error.ts';
import { validateLabels, validateMeta, validateMetaUpdate } from '../validation/metadata.ts';
import { dnsLabel, nameIsSubdomain } from '../validation/names.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import { canonicalResources, validateResources } from './pod/resources.ts';
import { validateTolerations } from './pod/validate-scheduling.ts';

function validate({ metadata, handler, overhead, scheduling }: RuntimeClass): FieldError[] {
  return [
    ...validateMeta(metadata, false, nameIsSubdomain),
    ...(handler ? invalidEach('handler', handler, dnsLabel(handler)) : [required('handler')]),
    ...(overhead?.podFixed === undefined ? [] : validateResources({ limits: overhead.podFixed }, 'overhead')),
    ...validateLabels(scheduling?.nodeSelector, 'scheduling.nodeSelector'),
    ...validateTolerations(scheduling?.tolerations, 'scheduling.tolerations'),
  ];
}

export const runtimeClassRow: ResourceRow<RuntimeClass> = {
  type: runtimeClasses,
  singular: 'runtimeclass',
  subresources: [],
  columns: [nameColumn, column('Handler', 'What the runtime calls it.', ({ handler }) => handler), ageColumn],
  strategy: {
    setDefaults: ({ overhead }) => canonicalResources(overhead?.podFixed),
    validate,
    validateUpdate: (runtimeClass, old) => [
      ...validateMetaUpdate(runtimeClass.metadata, old.metadata),
      ...(runtimeClass.handler === old.handler ? [] : [immutable('handler', runtimeClass.handler)]),
    ],
  },
};
