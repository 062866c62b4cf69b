/** IngressClasses: which controller takes care of an Ingress. */
import { ingressClasses } from '../../../api/resources.ts';
import type { IngressClass, IngressClassParametersReference } from '../../../api/types.gen.ts';
import type { FieldError, ResourceRow } from '../../resource.ts';
import {
  forbidden,
  immutable,
  invalid,
  invalidEach,
  notSupported,
  required,
  tooLong,
} from '../../validation/field-error.ts';
import { validateMeta, validateMetaUpdate } from '../../validation/metadata.ts';
import { dnsLabel, dnsSubdomain, httpPath, nameIsSubdomain } from '../../validation/names.ts';
import { same } from '../../validation/same.ts';
import { ageColumn, column, nameColumn } from '../columns.ts';
import { validateGroup, validateSegment } from './references.ts';

/** An Ingress that names no class gets the (newest) one that says `true` here. */
export const defaultClassAnnotation = 'ingressclass.kubernetes.io/is-default-class';

const MAX_CONTROLLER = 250;
const SCOPES = ['Cluster', 'Namespace'];

function validateController(controller: string): FieldError[] {
  const path = 'spec.controller';
  if (controller === '') return [required(path)];
  const errors = controller.length > MAX_CONTROLLER ? [tooLong(path, MAX_CONTROLLER)] : [];
  const slash = controller.indexOf('/');
  const [domain, rest] = [controller.slice(0, Math.max(slash, 0)), controller.slice(slash + 1)];
  if (slash < 1 || rest === '') {
    return [...errors, invalid(path, controller, 'must be a domain-prefixed path (such as "acme.io/foo")')];
  }
  return [...errors, ...invalidEach(path, domain, dnsSubdomain(domain)), ...invalidEach(path, rest, httpPath(rest))];
}

function validateScope({ scope, namespace }: IngressClassParametersReference, path: string): FieldError[] {
  if (scope === undefined) return [required(`${path}.scope`)];
  if (!SCOPES.includes(scope)) return [notSupported(`${path}.scope`, scope, SCOPES)];
  const at = `${path}.namespace`;
  if (scope === 'Cluster') {
    return namespace === undefined ? [] : [forbidden(at, "`parameters.scope` is set to 'Cluster'")];
  }
  return namespace === undefined
    ? [required(at, "`parameters.scope` is set to 'Namespace'")]
    : invalidEach(at, namespace, dnsLabel(namespace));
}

function validateParameters(parameters: IngressClassParametersReference, path: string): FieldError[] {
  return [
    ...validateGroup(`${path}.apiGroup`, parameters.apiGroup),
    ...validateSegment(`${path}.kind`, parameters.kind),
    ...validateSegment(`${path}.name`, parameters.name),
    ...validateScope(parameters, path),
  ];
}

function parametersCell({ spec }: IngressClass): string {
  const { parameters } = spec ?? {};
  if (parameters === undefined) return '<none>';
  const group = parameters.apiGroup === undefined ? '' : `.${parameters.apiGroup}`;
  return `${parameters.kind}${group}/${parameters.name}`;
}

/** Whether an Ingress without a class gets this one. */
export function isDefaultClass({ metadata }: IngressClass): boolean {
  return metadata.annotations?.[defaultClassAnnotation] === 'true';
}

export const ingressClassRow: ResourceRow<IngressClass> = {
  type: ingressClasses,
  singular: 'ingressclass',
  subresources: [],
  columns: [
    { ...nameColumn, cell: (each) => `${each.metadata.name}${isDefaultClass(each) ? ' (default)' : ''}` },
    column('Controller', 'Which controller takes care of it.', ({ spec }) => spec?.controller),
    column('Parameters', 'More that the controller is told.', parametersCell),
    ageColumn,
  ],
  strategy: {
    setDefaults: ({ spec }) => {
      if (spec?.parameters !== undefined) spec.parameters.scope ??= 'Cluster';
    },
    prepareForCreate: ({ metadata }) => {
      metadata.generation = 1;
    },
    prepareForUpdate: (each, old) => {
      const changed = !same(each.spec, old.spec);
      each.metadata.generation = (old.metadata.generation ?? 0) + (changed ? 1 : 0);
    },
    validate: ({ metadata, spec }) => [
      ...validateMeta(metadata, false, nameIsSubdomain),
      ...validateController(spec?.controller ?? ''),
      ...(spec?.parameters === undefined ? [] : validateParameters(spec.parameters, 'spec.parameters')),
    ],
    validateUpdate: (each, old) => [
      ...validateMetaUpdate(each.metadata, old.metadata),
      ...(each.spec?.controller === old.spec?.controller ? [] : [immutable('spec.controller', each.spec?.controller)]),
    ],
  },
};
