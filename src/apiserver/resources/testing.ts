/** For tests: rows driven the way the handlers drive them, without a server. */
import type { KubeObject } from '../../api/client.ts';
import type { ResourceType } from '../../api/resources.ts';
import type { Allocation, FieldError, Lookup, Permissions, ResourceRow, StrategyContext } from '../resource.ts';

export const NOW = new Date('2026-03-01T12:00:00Z');

/** A look-up over these objects; each row of the list says of which type it is. */
export function lookupOf(...stored: readonly (readonly [ResourceType<KubeObject>, KubeObject])[]): Lookup {
  const of = <T>(type: ResourceType<T>): T[] =>
    stored.filter(([each]) => each.resource === type.resource && each.group === type.group).map(([, o]) => o as T);
  return {
    get: (type, { namespace, name }) =>
      of(type).find(({ metadata }) => metadata.name === name && metadata.namespace === namespace),
    list: (type, namespace) => of(type).filter(({ metadata }) => !namespace || metadata.namespace === namespace),
  };
}

/** Of somebody who may do nothing else. */
const permissions: Permissions = {
  isMaster: false,
  allows: () => false,
  rules: () => [],
  rulesOfRole: () => undefined,
};

/** The context of a plain request. */
export function contextOf(overrides: Partial<StrategyContext> = {}): StrategyContext {
  const user = { name: 'somebody', groups: [] };
  return { user, permissions, subresource: '', now: NOW, lookup: lookupOf(), dryRun: false, ...overrides };
}

/** `field: message`, as the server joins them. */
export const texts = (errors: readonly FieldError[]): string[] => errors.map((e) => `${e.field}: ${e.message}`);

export interface Written<T> {
  readonly object: T;
  readonly errors: readonly string[];
  readonly allocation: Allocation | undefined;
}

function finish<T extends KubeObject>(
  row: ResourceRow<T>,
  object: T,
  old: T | undefined,
  context: StrategyContext,
): Written<T> {
  const { strategy } = row;
  const errors = [
    ...strategy.validate(object, context),
    ...(old === undefined ? [] : (strategy.validateUpdate?.(object, old, context) ?? [])),
  ];
  const allocation = errors.length === 0 ? strategy.allocate?.(object, old, context) : undefined;
  return { object, errors: texts(errors), allocation };
}

/** A create: defaults, preparation, validation, allocation. The argument is not changed. */
export function create<T extends KubeObject>(row: ResourceRow<T>, sent: T, context = contextOf()): Written<T> {
  const object = structuredClone(sent);
  row.strategy.setDefaults?.(object);
  row.strategy.prepareForCreate?.(object, context);
  return finish(row, object, undefined, context);
}

/** An update of `old` by what `change` makes of a copy of it. */
export function update<T extends KubeObject>(
  row: ResourceRow<T>,
  old: T,
  change: (copy: T) => void,
  part: 'main' | 'status' = 'main',
  context = contextOf(),
): Written<T> {
  const object = structuredClone(old);
  change(object);
  row.strategy.setDefaults?.(object);
  if (part === 'main') row.strategy.prepareForUpdate?.(object, old, context);
  else row.strategy.prepareForStatusUpdate?.(object, old, context);
  return finish(row, object, old, context);
}

/** What the columns print: by name, those of `-o wide` too. */
export function cells<T extends KubeObject>(row: ResourceRow<T>, object: T, now = NOW): Record<string, unknown> {
  return Object.fromEntries(row.columns.map((column) => [column.name, column.cell(object, now)]));
}
