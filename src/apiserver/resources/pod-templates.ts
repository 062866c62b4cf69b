/** PodTemplates: kept for whoever makes pods of them. */
import { podTemplates } from '../../api/resources.ts';
import type { Container, PodTemplate } from '../../api/types.gen.ts';
import type { FieldError, ResourceRow } from '../resource.ts';
import { validateAnnotations, validateLabels, validateMeta, validateMetaUpdate } from '../validation/metadata.ts';
import { nameIsSubdomain } from '../validation/names.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import { setTemplateDefaults } from './pod/template.ts';
import { validatePodSpec } from './pod/validate-spec.ts';

function validate({ metadata, template = {} }: PodTemplate): FieldError[] {
  return [
    ...validateMeta(metadata, true, nameIsSubdomain),
    ...validateLabels(template.metadata?.labels, 'template.labels'),
    ...validateAnnotations(template.metadata?.annotations, 'template.annotations'),
    ...validatePodSpec(template.spec ?? { containers: [] }, 'template.spec', false),
  ];
}

const each = ({ template }: PodTemplate, of: (container: Container) => string | undefined): string =>
  (template?.spec?.containers ?? []).map((container) => of(container) ?? '').join(',');

export const podTemplateRow: ResourceRow<PodTemplate> = {
  type: podTemplates,
  singular: 'podtemplate',
  subresources: [],
  columns: [
    nameColumn,
    column('Containers', 'Names of the containers in the template.', (object) => each(object, ({ name }) => name)),
    column('Images', 'Images of the containers in the template.', (object) => each(object, ({ image }) => image)),
    column('Pod Labels', 'Labels of the pods that are made of it.', ({ template }) => {
      const labels = Object.entries(template?.metadata?.labels ?? {});
      return labels.length === 0 ? '<none>' : labels.map(([key, value]) => `${key}=${value}`).join(',');
    }),
    ageColumn,
  ],
  strategy: {
    setDefaults: (object) => {
      object.template ??= {};
      setTemplateDefaults(object.template);
    },
    prepareForCreate: ({ metadata }) => {
      metadata.generation = 1;
    },
    validate,
    validateUpdate: (object, old) => validateMetaUpdate(object.metadata, old.metadata),
  },
};
