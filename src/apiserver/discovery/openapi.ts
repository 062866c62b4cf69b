/**
 * /openapi/v3: an index and one document a group and version, made from the schema table. Enough for kubectl's
 * validation, patches and `explain`; there is no prose in it.
 */
import { createHash } from 'node:crypto';
import { definitions, type FieldSchema } from '../../api/schema/table.ts';
import type { ResourceRow } from '../resource.ts';
import type { GroupVersion, Registry } from '../storage/registry.ts';
import { serverVersion } from './version.ts';

type Definition = NonNullable<ReturnType<(typeof definitions)['get']>>;

const reference = (openapiName: string): object => ({ $ref: `#/components/schemas/${openapiName}` });

const quantity = 'io.k8s.apimachinery.pkg.api.resource.Quantity';
const intOrString = 'io.k8s.apimachinery.pkg.util.intstr.IntOrString';

/** Scalars that have a definition of their own in upstream's document. */
const scalarDefinitions = {
  [quantity]: { oneOf: [{ type: 'string' }, { type: 'number' }] },
  [intOrString]: { oneOf: [{ type: 'integer' }, { type: 'string' }], format: 'int-or-string' },
};

const scalars: Readonly<Record<string, object>> = {
  string: { type: 'string' },
  bytes: { type: 'string', format: 'byte' },
  time: { type: 'string', format: 'date-time' },
  microTime: { type: 'string', format: 'date-time' },
  integer: { type: 'integer' },
  number: { type: 'number', format: 'double' },
  boolean: { type: 'boolean' },
  any: { type: 'object' },
  quantity: reference(quantity),
  intOrString: reference(intOrString),
};

function typeSchema(type: string): object {
  return scalars[type] ?? reference(definitions.get(type)?.openapi ?? type);
}

function extensions(field: FieldSchema): Record<string, unknown> {
  return {
    ...(field.listType !== undefined && { 'x-kubernetes-list-type': field.listType }),
    ...(field.mapKeys !== undefined && { 'x-kubernetes-list-map-keys': field.mapKeys }),
    ...(field.mapType !== undefined && { 'x-kubernetes-map-type': field.mapType }),
    ...(field.patchStrategy !== undefined && { 'x-kubernetes-patch-strategy': field.patchStrategy }),
    ...(field.mergeKey !== undefined && { 'x-kubernetes-patch-merge-key': field.mergeKey }),
  };
}

function fieldSchema(field: FieldSchema): object {
  const list = { type: 'array', items: typeSchema(field.type) };
  if (field.map !== undefined) {
    const additionalProperties = field.map === 'lists' ? list : typeSchema(field.type);
    return { type: 'object', additionalProperties, ...extensions(field) };
  }
  if (field.list === true) return { ...list, ...extensions(field) };
  const one = typeSchema(field.type);
  // Nothing may stand beside a $ref, so what else there is wraps it.
  return Object.hasOwn(one, '$ref') ? { allOf: [one], ...extensions(field) } : { ...one, ...extensions(field) };
}

function definitionSchema({ fields, gvk }: Definition): object {
  const required = Object.keys(fields).filter((name) => fields[name]?.required === true);
  const properties = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, fieldSchema(field)]));
  return {
    type: 'object',
    properties,
    ...(required.length > 0 && { required }),
    ...(gvk !== undefined && { 'x-kubernetes-group-version-kind': [gvk] }),
  };
}

/** These definitions and all they are made of. */
function reachable(names: readonly string[]): ReadonlySet<string> {
  const found = new Set<string>();
  const open = [...names];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const definition = definitions.get(name);
    if (definition === undefined || found.has(name)) continue;
    found.add(name);
    open.push(...Object.values(definition.fields).map(({ type }) => type));
  }
  return found;
}

const query = (name: string): object => ({ name, in: 'query', schema: { type: 'string', uniqueItems: true } });
const writeParameters = ['dryRun', 'fieldManager', 'fieldValidation'].map(query);

function operations(row: ResourceRow, schema: object): Record<string, object> {
  const { group, version, kind } = row.type;
  const json = { 'application/json': { schema } };
  const operation = (action: string, more: object): object => ({
    ...more,
    responses: { '200': { description: 'OK', content: json } },
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': { group, version, kind },
  });
  const patchBody = { content: { 'application/strategic-merge-patch+json': { schema: { type: 'object' } } } };
  const base = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const collection = `${base}${row.type.namespaced ? '/namespaces/{namespace}' : ''}/${row.type.resource}`;
  return {
    [collection]: {
      get: operation('list', {}),
      post: operation('post', { parameters: writeParameters, requestBody: { content: json } }),
    },
    [`${collection}/{name}`]: {
      get: operation('get', {}),
      put: operation('put', { parameters: writeParameters, requestBody: { content: json } }),
      patch: operation('patch', { parameters: [...writeParameters, query('force')], requestBody: patchBody }),
      delete: operation('delete', { parameters: [query('dryRun')] }),
    },
  };
}

function documentOf(registry: Registry, { rows }: GroupVersion): object {
  const schemas: Record<string, object> = { ...scalarDefinitions };
  const names = rows.flatMap((row) => [registry.definitionOf(row), `${registry.definitionOf(row)}List`]);
  for (const name of reachable(names)) {
    const definition = definitions.get(name);
    if (definition !== undefined) schemas[definition.openapi] = definitionSchema(definition);
  }
  const paths = Object.assign(
    {},
    ...rows.map((row) => operations(row, typeSchema(registry.definitionOf(row)))),
  ) as Record<string, object>;
  const info = { title: 'Kubernetes', version: serverVersion.gitVersion };
  return { openapi: '3.0.0', info, paths, components: { schemas } };
}

/** Answers the body of /openapi/v3 and of the paths below it; undefined for others. */
export function createOpenApi(registry: Registry): (pathname: string) => Buffer | undefined {
  const makers = new Map(
    registry.groupVersions.map((each) => {
      const path = each.group === '' ? `api/${each.version}` : `apis/${each.group}/${each.version}`;
      return [path, (): Buffer => Buffer.from(JSON.stringify(documentOf(registry, each)))] as const;
    }),
  );
  const made = new Map<string, Buffer>();
  const document = (path: string): Buffer | undefined => {
    const known = made.get(path) ?? makers.get(path)?.();
    if (known !== undefined) made.set(path, known);
    return known;
  };
  const index = (): Buffer => {
    const paths = [...makers.keys()].map((path) => {
      const hash = createHash('sha256')
        .update(document(path) ?? '')
        .digest('hex')
        .slice(0, 32)
        .toUpperCase();
      return [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }] as const;
    });
    return Buffer.from(JSON.stringify({ paths: Object.fromEntries(paths) }));
  };
  let indexed: Buffer | undefined;
  return (pathname) => {
    if (pathname === '/openapi/v3') return (indexed ??= index());
    return pathname.startsWith('/openapi/v3/') ? document(pathname.slice('/openapi/v3/'.length)) : undefined;
  };
}
