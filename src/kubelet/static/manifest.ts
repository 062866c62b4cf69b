/** One file of the manifest folder: text in, the static pod that it describes out. Pure. */
import { createHash } from 'node:crypto';
import { isMap, isScalar, isSeq, LineCounter, parseAllDocuments, type Document, type ParsedNode } from 'yaml';
import { isJsonObject, type JsonObject } from '../../api/json-value.ts';
import type { Pod } from '../../api/types.gen.ts';

/** Where the pod came from: `file`; pods of the API have none or `api`. */
export const sourceAnnotation = 'kubernetes.io/config.source';
/** The pod's UID: content, path and node, hashed. */
export const hashAnnotation = 'kubernetes.io/config.hash';
/** When the agent first saw it. */
const seenAnnotation = 'kubernetes.io/config.seen';

export interface Problem {
  /** `spec.containers[0].image`; empty for the whole file. */
  readonly field: string;
  readonly message: string;
}

/** What the API would do with the pod: this floor cannot ask it. */
export interface PodCheck {
  /** Fields that a Pod does not have, or that are of the wrong type. */
  shape(value: unknown): readonly Problem[];
  /** Fills the defaults in, and says what is wrong with the pod then. */
  complete(pod: Pod): readonly Problem[];
}

export interface ManifestInput {
  /** For messages, and part of the UID. */
  readonly path: string;
  readonly text: string;
  readonly nodeName: string;
  readonly check: PodCheck;
  readonly now: Date;
}

/** One line a problem: `FILE:LINE: FIELD: MESSAGE`. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError';
}

/** More aliases than this in one file are an attack, or a mistake. */
const maxAliases = 100;
const uidLength = 32;

/** The line on which the field stands, or the last part of its way that is there. */
function lineOf(contents: ParsedNode | null, lines: LineCounter, field: string): number {
  let node: unknown = contents;
  let offset = contents?.range[0] ?? 0;
  for (const [part] of field.matchAll(/[^.[\]]+/g)) {
    const pair = isMap(node) ? node.items.find(({ key }) => isScalar(key) && String(key.value) === part) : undefined;
    const next = pair?.value ?? (isSeq(node) ? node.items[Number(part)] : undefined);
    const place = (pair?.key ?? next) as ParsedNode | undefined;
    if (place === undefined) break;
    offset = place.range[0];
    node = next;
  }
  return lines.linePos(offset).line;
}

function parse(path: string, text: string): { document: Document.Parsed; lines: LineCounter } {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, schema: 'core' });
  const [document, second] = 'empty' in documents ? [] : documents;
  if (document === undefined) throw new ManifestError(`${path}: holds no Pod`);
  if (second !== undefined) {
    const { line } = lines.linePos(second.range[0]);
    throw new ManifestError(`${path}:${line}: a second document: a file holds one Pod`);
  }
  const [error] = document.errors;
  if (error !== undefined) {
    const said = error.message.split('\n')[0]?.replace(/ at line.*$/, '') ?? '';
    throw new ManifestError(`${path}:${lines.linePos(error.pos[0]).line}: ${said}`);
  }
  return { document, lines };
}

function kindProblems({ apiVersion, kind, metadata }: JsonObject): Problem[] {
  const name = isJsonObject(metadata) ? metadata['name'] : undefined;
  return [
    ...(kind === 'Pod' ? [] : [{ field: 'kind', message: 'must be Pod' }]),
    ...(apiVersion === 'v1' ? [] : [{ field: 'apiVersion', message: 'must be v1' }]),
    ...(typeof name === 'string' && name !== '' ? [] : [{ field: 'metadata.name', message: 'is missing' }]),
  ];
}

/** Comments, and the order of fields, are no part of what the pod is. */
function uidOf(value: JsonObject, { path, nodeName }: ManifestInput): string {
  const sorted = (_: string, each: unknown): unknown =>
    isJsonObject(each) ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1))) : each;
  const text = [nodeName, path, JSON.stringify(value, sorted)].join('\0');
  return createHash('sha256').update(text).digest('hex').slice(0, uidLength);
}

/** Null means "not there"; in a list, an object of which nothing is there. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((each: unknown) => (each === null ? {} : withoutNulls(each)));
  if (!isJsonObject(value)) return value;
  const there = Object.entries(value).filter(([, each]) => each !== null);
  return Object.fromEntries(there.map(([key, each]) => [key, withoutNulls(each)]));
}

/** As upstream's file source does it: a static pod stays on its node whatever taints come, and is named after it. */
function podOf(value: JsonObject, input: ManifestInput): Pod {
  const given = withoutNulls(value) as Pod;
  const { name = '', namespace, labels, annotations } = given.metadata;
  const uid = uidOf(value, input);
  const tolerations = [...(given.spec?.tolerations ?? []), { operator: 'Exists', effect: 'NoExecute' }];
  const own = {
    [sourceAnnotation]: 'file',
    [hashAnnotation]: uid,
    [seenAnnotation]: input.now.toISOString(),
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${name}-${input.nodeName}`,
      namespace: namespace === undefined || namespace === '' ? 'default' : namespace,
      uid,
      creationTimestamp: input.now.toISOString().replace(/\.\d+Z$/, 'Z'),
      ...(labels === undefined ? {} : { labels }),
      annotations: { ...annotations, ...own },
    },
    spec: { containers: [], ...given.spec, nodeName: input.nodeName, tolerations },
  };
}

/** Throws a ManifestError that names every problem with its line and field. */
export function readManifest(input: ManifestInput): Pod {
  const { path, text, check } = input;
  const { document, lines } = parse(path, text);
  const refuse = (problems: readonly Problem[]): void => {
    if (problems.length === 0) return;
    const said = problems.map(({ field, message }) => {
      const line = lineOf(document.contents, lines, field);
      return `${path}:${line}: ${field === '' ? '' : `${field}: `}${message}`;
    });
    throw new ManifestError(said.join('\n'));
  };
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: maxAliases });
  } catch (error) {
    throw new ManifestError(`${path}: ${String(error)}`, { cause: error });
  }
  if (!isJsonObject(value)) throw new ManifestError(`${path}: holds no Pod`);
  refuse(kindProblems(value));
  refuse(check.shape(value));
  const pod = podOf(value, input);
  refuse(check.complete(pod));
  return pod;
}
