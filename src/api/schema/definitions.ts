/** The generated schema table, typed: which fields each kind has, of what type, and how lists in it merge. */
import generated from './table.gen.json' with { type: 'json' };

export type Scalar =
  'string' | 'bytes' | 'time' | 'microTime' | 'quantity' | 'intOrString' | 'integer' | 'number' | 'boolean' | 'any';

/** One field of a definition. */
export interface FieldSchema {
  /** A Scalar, or the name of another definition. */
  readonly type: string;
  readonly list?: true;
  /** Keys are free: `single` is a map of `type`, `lists` a map of lists of `type`. */
  readonly map?: 'single' | 'lists';
  readonly default?: unknown;
  /** Strategic merge patch: `merge`, `replace`, `retainKeys`, or `merge,retainKeys`. Replace when left out. */
  readonly patchStrategy?: string;
  readonly mergeKey?: string;
  /** Server-side apply. */
  readonly listType?: 'atomic' | 'map' | 'set';
  readonly mapKeys?: readonly string[];
  readonly mapType?: 'atomic' | 'granular';
  readonly required?: boolean;
}

export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

export interface Definition {
  /** Its name in the OpenAPI document, `io.k8s.api.core.v1.Pod`. */
  readonly openapi: string;
  /** For kinds that stand on their own. */
  readonly gvk?: GroupVersionKind;
  readonly fields: Readonly<Record<string, FieldSchema>>;
}

const table = generated as unknown as Readonly<Record<string, Definition>>;

const nameByKind = new Map(
  Object.entries(table).flatMap(([name, { gvk }]) =>
    gvk === undefined ? [] : [[`${gvk.group}/${gvk.version}/${gvk.kind}`, name] as const],
  ),
);

/** All definitions by their short name. */
export const definitions: ReadonlyMap<string, Definition> = new Map(Object.entries(table));

/** The short name of the definition of a kind (`apps`, `v1`, `Deployment`); undefined when the table has none. */
export function definitionForKind(group: string, version: string, kind: string): string | undefined {
  return nameByKind.get(`${group}/${version}/${kind}`);
}

/** One field's schema; undefined when the definition or the field is not in the table. */
export function fieldOf(definitionName: string, field: string): FieldSchema | undefined {
  const fields = definitions.get(definitionName)?.fields;
  return fields !== undefined && Object.hasOwn(fields, field) ? fields[field] : undefined;
}
