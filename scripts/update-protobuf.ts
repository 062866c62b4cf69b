/**
 * Makes the table of protobuf field numbers from the struct tags of Kubernetes' Go types.
 *
 *   node scripts/update-protobuf.ts API_MODULE APIMACHINERY_MODULE
 *
 * The arguments are the folders of the Go modules k8s.io/api and k8s.io/apimachinery, of the version of the schema table.
 * Only facts are taken: number, JSON name, whether zero means "not there".
 *
 *   "Volume": { "1": "name", "2": ">core.v1.VolumeSource" }     > an embedded message whose fields are the object's own
 *   "Container": { "16": "stdin?" }                             ? a zero value is left out (omitempty, no pointer)
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface Definition {
  readonly openapi: string;
}

const [apiModule = '', machineryModule = ''] = process.argv.slice(2);
const schema = join(import.meta.dirname, '../src/api/schema/table.gen.json');
const out = join(import.meta.dirname, '../src/apiserver/protobuf/fields.gen.json');

const metaPackage = 'io.k8s.apimachinery.pkg.apis.meta.v1';
const sources = new Map<string, string>();

/** The Go source of an OpenAPI package, `io.k8s.api.core.v1`. */
function sourceOf(openapiPackage: string): string {
  const known = sources.get(openapiPackage);
  if (known !== undefined) return known;
  const folder =
    openapiPackage === metaPackage
      ? join(machineryModule, 'pkg/apis/meta/v1')
      : join(apiModule, ...openapiPackage.split('.').slice(3));
  const source = readFileSync(join(folder, 'types.go'), 'utf8');
  sources.set(openapiPackage, source);
  return source;
}

interface GoField {
  readonly number: string;
  readonly name: string;
  readonly type: string;
  readonly embedded: boolean;
  readonly omitsZero: boolean;
}

const fieldLine = /^\t(?:(\w+)\s+)?(\*?[\w.[\]*]+)\s+`([^`]*)`/;

/** A line of a struct, when it is a field that goes over the wire. */
function parseField(line: string): GoField | undefined {
  const [, , type = '', tags = ''] = fieldLine.exec(line) ?? [];
  const [, json = ''] = /json:"([^"]*)"/.exec(tags) ?? [];
  const [, number = ''] = /protobuf:"\w+,(\d+),/.exec(tags) ?? [];
  const [name = '', ...options] = json.split(',');
  if (number === '') return undefined;
  const embedded = name === '' || options.includes('inline');
  return { number, name, type, embedded, omitsZero: options.includes('omitempty') && !type.startsWith('*') };
}

type Table = Map<string, Record<string, string>>;

/** Field numbers of one struct; embedded structs are added to `table` under their own names. */
function fieldsOf(openapiPackage: string, struct: string, table: Table): Record<string, string> {
  const source = sourceOf(openapiPackage);
  const start = new RegExp(`^type ${struct} struct \\{\\n([\\s\\S]*?)^\\}`, 'm').exec(source);
  const fields: Record<string, string> = {};
  for (const line of (start?.[1] ?? '').split('\n')) {
    const field = parseField(line);
    if (field === undefined) continue;
    if (!field.embedded) fields[field.number] = field.omitsZero ? `${field.name}?` : field.name;
    else {
      const embedded = field.type.replace('*', '');
      const short = `${openapiPackage.split('.').slice(3).join('.')}.${embedded}`;
      fields[field.number] = `>${short}`;
      if (!table.has(short)) table.set(short, fieldsOf(openapiPackage, embedded, table));
    }
  }
  return fields;
}

const definitions = JSON.parse(readFileSync(schema, 'utf8')) as Record<string, Definition>;
const table: Table = new Map();
for (const [name, { openapi }] of Object.entries(definitions)) {
  const dot = openapi.lastIndexOf('.');
  const fields = fieldsOf(openapi.slice(0, dot), openapi.slice(dot + 1), table);
  if (Object.keys(fields).length > 0) table.set(name, fields);
}
const lines = [...table]
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(([name, fields]) => ` "${name}": ${JSON.stringify(fields)}`);
writeFileSync(out, `{\n${lines.join(',\n')}\n}\n`);
