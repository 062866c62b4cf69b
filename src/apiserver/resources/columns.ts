/** Columns that many resources share. */
import type { KubeObject } from '../../api/client.ts';
import type { Container, LabelSelector, PodTemplateSpec } from '../../api/types.gen.ts';
import type { Column } from '../resource.ts';
import { printSelector } from '../validation/label-selector.ts';
import { since } from './human-duration.ts';

type Cell<T> = Column<T>['cell'];

/** A plain text column. */
export function column<T>(name: string, description: string, cell: Cell<T>): Column<T> {
  return { name, type: 'string', description, cell };
}

/** A text column that only `-o wide` shows. */
export function wide<T>(name: string, description: string, cell: Cell<T>): Column<T> {
  return { name, type: 'string', priority: 1, description, cell };
}

/** A column of whole numbers. */
export function count<T>(name: string, description: string, cell: (object: T) => number | undefined): Column<T> {
  return { name, type: 'integer', description, cell: (object) => cell(object) ?? 0 };
}

/** The object's name. */
export const nameColumn: Column<KubeObject> = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'Name of the object, unique in its namespace.',
  cell: (object) => object.metadata.name,
};

/** How long ago the object was made. */
export const ageColumn: Column<KubeObject> = column('Age', 'Time since the object was created.', (object, now) =>
  since(object.metadata.creationTimestamp, now),
);

const join = (containers: readonly Container[] | undefined, field: 'name' | 'image'): string =>
  (containers ?? []).map((container) => container[field] ?? '').join(',');

interface Templated extends KubeObject {
  spec?: { template?: PodTemplateSpec };
}

interface Workload extends KubeObject {
  spec?: { selector?: LabelSelector; template?: PodTemplateSpec };
}

const containersOf = ({ spec }: Templated): Container[] | undefined => spec?.template?.spec?.containers;

/** Two wide columns of everything that makes pods. */
export const containerColumns: readonly Column<Templated>[] = [
  wide('Containers', 'Names of the containers in the template.', (object) => join(containersOf(object), 'name')),
  wide('Images', 'Images of the containers in the template.', (object) => join(containersOf(object), 'image')),
];

/** The three wide columns of every workload; `none` is what an empty selector prints. */
export function templateColumns(none: string): Column<Workload>[] {
  return [
    ...containerColumns,
    wide('Selector', 'Which pods belong to it.', (object) => printSelector(object.spec?.selector, none)),
  ];
}
