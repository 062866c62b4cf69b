/**
 * Makes the schema table and the TypeScript types of Kubernetes' API from upstream's OpenAPI v2 document.
 *
 *   node scripts/update-schema.ts SWAGGER.json
 *
 * The document is `api/openapi-spec/swagger.json` of the Go module k8s.io/kubernetes at the version named in
 * `src/api/schema/version.ts`. Only facts are taken (fields, types, merge keys, defaults, required), no prose.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Groups taken over, in the order in which they may claim a plain type name. */
const GROUPS = [
  'io.k8s.apimachinery.pkg.apis.meta.v1',
  'io.k8s.api.core.v1',
  'io.k8s.api.apps.v1',
  'io.k8s.api.rbac.v1',
  'io.k8s.api.discovery.v1',
  'io.k8s.api.coordination.v1',
  'io.k8s.api.events.v1',
  'io.k8s.api.batch.v1',
  'io.k8s.api.networking.v1',
  'io.k8s.api.policy.v1',
  'io.k8s.api.autoscaling.v1',
  'io.k8s.api.autoscaling.v2',
  'io.k8s.api.authentication.v1',
  'io.k8s.api.authorization.v1',
  'io.k8s.api.storage.v1',
  'io.k8s.api.scheduling.v1',
  'io.k8s.api.node.v1',
  'io.k8s.api.certificates.v1',
];

/** Definitions that stand for a scalar or for anything. */
const SCALARS: Record<string, string> = {
  'io.k8s.apimachinery.pkg.api.resource.Quantity': 'quantity',
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': 'intOrString',
  'io.k8s.apimachinery.pkg.apis.meta.v1.Time': 'time',
  'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime': 'microTime',
  'io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1': 'any',
  'io.k8s.apimachinery.pkg.apis.meta.v1.Patch': 'any',
  'io.k8s.apimachinery.pkg.runtime.RawExtension': 'any',
};

const TS_SCALARS: Record<string, string> = {
  string: 'string',
  bytes: 'string',
  time: 'string',
  microTime: 'string',
  quantity: 'Quantity',
  intOrString: 'IntOrString',
  integer: 'number',
  number: 'number',
  boolean: 'boolean',
  any: 'unknown',
};

interface Swagger {
  definitions: Record<string, Definition>;
}
interface Definition {
  properties?: Record<string, Property>;
  required?: string[];
  'x-kubernetes-group-version-kind'?: { group: string; version: string; kind: string }[];
}
interface Property {
  $ref?: string;
  type?: string;
  format?: string;
  items?: Property;
  additionalProperties?: Property;
  default?: unknown;
  'x-kubernetes-patch-strategy'?: string;
  'x-kubernetes-patch-merge-key'?: string;
  'x-kubernetes-list-type'?: string;
  'x-kubernetes-list-map-keys'?: string[];
  'x-kubernetes-map-type'?: string;
}

const groupOf = (name: string): string => name.slice(0, name.lastIndexOf('.'));
const shortOf = (name: string): string => name.slice(name.lastIndexOf('.') + 1);

function typeNames(definitions: Record<string, Definition>): Map<string, string> {
  const names = new Map<string, string>();
  const taken = new Set<string>();
  for (const group of GROUPS) {
    for (const name of Object.keys(definitions).filter((n) => groupOf(n) === group && !(n in SCALARS))) {
      const prefix = group.split('.').at(-2) ?? '';
      const plain = shortOf(name);
      const unique = taken.has(plain) ? prefix[0]?.toUpperCase() + prefix.slice(1) + plain : plain;
      taken.add(unique);
      names.set(name, unique);
    }
  }
  return names;
}

function elementType(property: Property, names: Map<string, string>): string {
  if (property.$ref !== undefined) {
    const target = property.$ref.replace('#/definitions/', '');
    return SCALARS[target] ?? names.get(target) ?? 'any';
  }
  if (property.format === 'byte') return 'bytes';
  return property.type === undefined || property.type === 'object' ? 'any' : property.type;
}

/** One row of the table: see `SchemaField` in src/api/schema/table.ts for what each key means. */
function fieldRow(property: Property, names: Map<string, string>): Record<string, unknown> {
  const row: Record<string, unknown> = {};
  const inner = property.items ?? property.additionalProperties ?? property;
  const nested = inner.items !== undefined ? inner.items : inner;
  row['type'] = elementType(nested, names);
  if (property.items !== undefined) row['list'] = true;
  if (property.additionalProperties !== undefined) row['map'] = inner.items === undefined ? 'single' : 'lists';
  if (property.default !== undefined && typeof property.default !== 'object') row['default'] = property.default;
  if (property['x-kubernetes-patch-strategy'] !== undefined)
    row['patchStrategy'] = property['x-kubernetes-patch-strategy'];
  if (property['x-kubernetes-patch-merge-key'] !== undefined)
    row['mergeKey'] = property['x-kubernetes-patch-merge-key'];
  if (property['x-kubernetes-list-type'] !== undefined) row['listType'] = property['x-kubernetes-list-type'];
  if (property['x-kubernetes-list-map-keys'] !== undefined) row['mapKeys'] = property['x-kubernetes-list-map-keys'];
  if (property['x-kubernetes-map-type'] !== undefined) row['mapType'] = property['x-kubernetes-map-type'];
  return row;
}

function tsField(name: string, row: Record<string, unknown>, optional: boolean): string {
  let type = TS_SCALARS[row['type'] as string] ?? (row['type'] as string);
  if (row['list'] === true || row['map'] === 'lists') type += '[]';
  if (row['map'] !== undefined) type = `Record<string, ${type}>`;
  return `  ${/^[A-Za-z_]\w*$/.test(name) ? name : `'${name}'`}${optional ? '?' : ''}: ${type};`;
}

const source = process.argv[2];
if (source === undefined) throw new Error('usage: node scripts/update-schema.ts SWAGGER.json');
const { definitions } = JSON.parse(readFileSync(source, 'utf8')) as Swagger;
const names = typeNames(definitions);
const table: Record<string, unknown> = {};
const lines = [
  '// Made by scripts/update-schema.ts from the OpenAPI document of Kubernetes; do not edit.',
  '',
  "/** A Kubernetes quantity such as '100m' or '2Gi'. */",
  'export type Quantity = string | number;',
  '',
  '/** A number, or a name or percentage. */',
  'export type IntOrString = number | string;',
];
for (const [full, short] of [...names].sort((a, b) => (a[1] < b[1] ? -1 : 1))) {
  const definition = definitions[full] ?? {};
  const gvk = definition['x-kubernetes-group-version-kind'];
  const own = gvk?.length === 1 && 'kind' in (definition.properties ?? {}) ? gvk[0] : undefined;
  const required = definition.required ?? [];
  const fields: Record<string, unknown> = {};
  lines.push('', `export interface ${short} {`);
  for (const [field, property] of Object.entries(definition.properties ?? {})) {
    const row = fieldRow(property, names);
    if (required.includes(field)) row['required'] = true;
    fields[field] = row;
    const present = required.includes(field) || (field === 'metadata' && own !== undefined && !short.endsWith('List'));
    lines.push(tsField(field, row, !present));
  }
  lines.push('}');
  table[short] = { openapi: full, ...(own === undefined ? {} : { gvk: own }), fields };
}
const out = join(import.meta.dirname, '../src/api');
writeFileSync(join(out, 'types.gen.ts'), lines.join('\n') + '\n');
writeFileSync(join(out, 'schema/table.gen.json'), JSON.stringify(table, undefined, 1).replace(/\n\s{3,}/g, ' ') + '\n');
