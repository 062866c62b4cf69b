/** GET of a collection. */
import type { KubeObject } from '../../api/client.ts';
import { apiVersionOf } from '../../api/resources.ts';
import type { ListMeta } from '../../api/types.gen.ts';
import { RevisionCompacted, type RangeResult, type StoredValue } from '../../store/contract.ts';
import { badRequest, expired } from '../errors.ts';
import type { Machinery } from '../machinery.ts';
import type { Reply, ResourceRequest } from '../request.ts';
import { metaVersion, partialObject } from '../representations/partial.ts';
import { includeObjectOf, table, tableRow } from '../representations/table.ts';
import { decodeShared, encodeItems, objectAt } from '../storage/codec.ts';
import { prefixOf } from '../storage/keys.ts';
import { decodePage, encodePage } from './page.ts';
import { selectionOf, type Selection } from './selection.ts';
import { parseRevision, requireRevision } from './versions.ts';

/** Objects read at once while a selector looks for enough of them. */
const selectiveChunk = 500;

const goneToken =
  'The provided continue parameter is too old to display a consistent list result. You can start a new list without ' +
  'the continue parameter, or use the continue token in this response to retrieve the remainder of the results.';

interface Start {
  readonly limit: number;
  readonly after?: string;
  /** Undefined: the latest. */
  readonly revision?: number;
}

function startOf(machinery: Machinery, request: ResourceRequest, prefix: string): Start {
  const { query } = request;
  const limit = Number(query.get('limit') || 0) || Infinity;
  if (limit < 0 || (limit !== Infinity && !Number.isInteger(limit)))
    throw badRequest('limit must be a positive integer');
  const token = query.get('continue') ?? '';
  if (token !== '') return { limit, ...decodePage(token, prefix) };
  requireRevision(machinery, request);
  const match = query.get('resourceVersionMatch') ?? '';
  const revision = parseRevision(query.get('resourceVersion'));
  if (match !== '' && revision === undefined) {
    throw badRequest('resourceVersionMatch is forbidden unless resourceVersion is provided');
  }
  if (match === 'Exact' && revision !== undefined) return { limit, revision };
  return { limit };
}

/** Pages through the store until `limit` selected objects are found. */
async function select(machinery: Machinery, prefix: string, start: Start, selects: Selection): Promise<RangeResult> {
  const items: StoredValue[] = [];
  let { after, revision } = start;
  for (;;) {
    const limit = start.limit === Infinity ? Infinity : selectiveChunk;
    const chunk = await machinery.store.range(prefix, {
      limit,
      ...(after !== undefined && { startAfter: after }),
      ...(revision !== undefined && { revision }),
    });
    revision = chunk.revision;
    for (const [index, item] of chunk.items.entries()) {
      if (selects(decodeShared(item.value))) items.push(item);
      if (items.length < start.limit) continue;
      return { items, revision, more: chunk.more || index < chunk.items.length - 1 };
    }
    if (!chunk.more) return { items, revision, more: false };
    after = chunk.items.at(-1)?.key;
  }
}

/** The stored objects that a request's selectors, page and resourceVersion mean. Rejects with 410 when they are gone. */
export async function selectStored(machinery: Machinery, request: ResourceRequest): Promise<RangeResult> {
  const prefix = prefixOf(request.row.type, request.path.namespace);
  const start = startOf(machinery, request, prefix);
  const selects = selectionOf(request);
  try {
    if (selects !== undefined) return await select(machinery, prefix, start, selects);
    const { after, revision, limit } = start;
    return await machinery.store.range(prefix, {
      limit,
      ...(after !== undefined && { startAfter: after }),
      ...(revision !== undefined && { revision }),
    });
  } catch (error) {
    if (error instanceof RevisionCompacted) throw expired(goneToken);
    throw error;
  }
}

/** The list's own metadata. */
function listMeta(request: ResourceRequest, { items, revision, more, remaining }: RangeResult): ListMeta {
  const last = items.at(-1);
  const meta: ListMeta = { resourceVersion: String(revision) };
  if (!more || last === undefined) return meta;
  const token = encodePage({ revision, after: last.key }, prefixOf(request.row.type, request.path.namespace));
  // With a selector nobody knows how many of them are meant.
  return { ...meta, continue: token, ...(remaining !== undefined && { remainingItemCount: remaining }) };
}

/** A list as the client asked for it. */
export function listReply(machinery: Machinery, request: ResourceRequest, result: RangeResult): Reply {
  const { row, representation } = request;
  const metadata = listMeta(request, result);
  const objects = (): KubeObject[] => result.items.map(({ value, modRevision }) => objectAt(value, modRevision));
  if (representation.form === 'table') {
    const include = includeObjectOf(request);
    const now = machinery.now();
    const rows = objects().map((object) => tableRow(row, object, now, include));
    return { code: 200, body: table(row, rows, metadata) };
  }
  if (representation.form === 'partial') {
    const items = objects().map(partialObject);
    return { code: 200, body: { kind: 'PartialObjectMetadataList', apiVersion: metaVersion, metadata, items } };
  }
  const head = { kind: `${row.type.kind}List`, apiVersion: apiVersionOf(row.type), metadata };
  return { code: 200, body: encodeItems(`${JSON.stringify(head).slice(0, -1)},"items":[`, result.items, ']}') };
}

export async function list(machinery: Machinery, request: ResourceRequest): Promise<Reply> {
  return listReply(machinery, request, await selectStored(machinery, request));
}
