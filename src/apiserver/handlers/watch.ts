/** GET of a collection with `?watch=true`: one JSON line a change, until the client or the clock ends it. */
import { randomInt } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { apiVersionOf } from '../../api/resources.ts';
import { RevisionCompacted, type RangeResult, type StoreEvent } from '../../store/contract.ts';
import { badRequest, expired } from '../errors.ts';
import type { Machinery } from '../machinery.ts';
import { metaVersion } from '../representations/partial.ts';
import type { ResourceRequest } from '../request.ts';
import { decodeShared } from '../storage/codec.ts';
import { prefixOf } from '../storage/keys.ts';
import { LineStream } from './line-stream.ts';
import { selectionOf, type Selection } from './selection.ts';
import { parseRevision } from './versions.ts';
import { createLineMaker, plainLine, type LineMaker } from './watch-lines.ts';

const bookmarkEveryMs = 60_000;
/** Without `timeoutSeconds` a watch ends after this time and up to as much again, so that not all come back at once. */
const defaultTimeoutSeconds = 1800;
const maxTimeoutSeconds = 24 * 3600;

type Snapshot = Pick<RangeResult, 'items' | 'revision'>;

interface Wish {
  /** Begin with an ADDED for everything there is. */
  readonly initial: boolean;
  /** Say by a bookmark where the initial events end. */
  readonly markEnd: boolean;
  /** Changes after this revision; undefined: after now. */
  readonly after: number | undefined;
  readonly bookmarks: boolean;
  readonly timeoutMs: number;
}

const isTrue = (text: string | null): boolean => text === 'true' || text === '1';

function timeoutOf(query: URLSearchParams): number {
  const seconds = Number(query.get('timeoutSeconds') || 0);
  if (!Number.isInteger(seconds) || seconds < 0) throw badRequest('timeoutSeconds must be a non-negative integer');
  const random = defaultTimeoutSeconds + randomInt(defaultTimeoutSeconds);
  return Math.min(seconds === 0 ? random : seconds, maxTimeoutSeconds) * 1000;
}

function wishOf({ query }: ResourceRequest): Wish {
  const revision = parseRevision(query.get('resourceVersion'));
  const bookmarks = isTrue(query.get('allowWatchBookmarks'));
  const send = query.get('sendInitialEvents') ?? '';
  if (send !== '' && query.get('resourceVersionMatch') !== 'NotOlderThan') {
    throw badRequest('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan');
  }
  const timeoutMs = timeoutOf(query);
  if (isTrue(send)) return { initial: true, markEnd: bookmarks, after: undefined, bookmarks, timeoutMs };
  const fromNow = revision === undefined || revision === 0;
  return {
    initial: fromNow && send === '',
    markEnd: false,
    after: fromNow ? undefined : revision,
    bookmarks,
    timeoutMs,
  };
}

function bookmark(
  { row, representation }: ResourceRequest,
  revision: number,
  annotations?: Record<string, string>,
): Buffer {
  const metadata = { resourceVersion: String(revision), ...(annotations !== undefined && { annotations }) };
  if (representation.form === 'table') {
    return plainLine('BOOKMARK', { kind: 'Table', apiVersion: metaVersion, metadata, columnDefinitions: [], rows: [] });
  }
  const partial = representation.form === 'partial';
  const kind = partial ? 'PartialObjectMetadata' : row.type.kind;
  return plainLine('BOOKMARK', { kind, apiVersion: partial ? metaVersion : apiVersionOf(row.type), metadata });
}

/** The initial events, of one snapshot: everything selected, then the bookmark if asked for. */
function* initialLines(
  request: ResourceRequest,
  wish: Wish,
  maker: LineMaker,
  selects: Selection | undefined,
  { items, revision }: Snapshot,
): Generator<Buffer> {
  for (const { value, modRevision } of items) {
    if (selects === undefined || selects(decodeShared(value))) yield maker.initial(value, modRevision);
  }
  if (wish.markEnd) yield bookmark(request, revision, { 'k8s.io/initial-events-end': 'true' });
}

function onEvents(stream: LineStream, maker: LineMaker): (events: readonly StoreEvent[]) => void {
  return (events) => {
    const lines = events.map((event) => maker.change(event)).filter((line) => line !== undefined);
    stream.push(lines);
  };
}

/** Sends bookmarks and ends the watch in time. Answers what stops both. */
function startClock(
  machinery: Machinery,
  request: ResourceRequest,
  wish: Wish,
  stream: LineStream,
  end: () => void,
): () => void {
  const mark = (): void => {
    const { revision } = machinery.store;
    // After the events up to this revision, which are on their way.
    setImmediate(() => stream.push([bookmark(request, revision)]));
  };
  const timeout = setTimeout(() => {
    if (wish.bookmarks) mark();
    setImmediate(end);
  }, wish.timeoutMs);
  const interval = wish.bookmarks ? setInterval(mark, bookmarkEveryMs) : undefined;
  return () => {
    clearTimeout(timeout);
    clearInterval(interval);
  };
}

/**
 * A revision that this store has not reached yet is another store's (one that was lost, say): whoever kept it must list
 * again, or it would wait and hear nothing.
 */
function watchFrom(
  { store }: Machinery,
  prefix: string,
  after: number,
  handler: (events: readonly StoreEvent[]) => void,
): () => void {
  if (after > store.revision) throw new RevisionCompacted(`revision ${after} is not one of this store's`);
  return store.watch(prefix, after, handler);
}

/** Resolves when the reply has begun; the watch itself ends with its connection. Rejects with 400. */
export async function watch(machinery: Machinery, request: ResourceRequest, response: ServerResponse): Promise<void> {
  const wish = wishOf(request);
  const selects = selectionOf(request);
  const maker = createLineMaker(machinery, request, selects);
  const prefix = prefixOf(request.row.type, request.path.namespace);
  const after = wish.after ?? machinery.store.revision;
  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' });
  response.flushHeaders();
  if (response.socket === null) return;
  const stream = new LineStream(response, response.socket);
  try {
    const stop = watchFrom(machinery, prefix, after, onEvents(stream, maker));
    const stopClock = startClock(machinery, request, wish, stream, () => response.end());
    response.once('close', () => {
      stop();
      stopClock();
    });
  } catch (error) {
    if (!(error instanceof RevisionCompacted)) throw error;
    const { status } = expired(`too old resource version: ${after} (${machinery.store.revision})`);
    await stream.begin([plainLine('ERROR', status)]);
    response.end();
    return;
  }
  // Nothing is written between store.watch and this.
  const items = wish.initial ? machinery.store.latest.range(prefix) : [];
  await stream.begin(initialLines(request, wish, maker, selects, { items, revision: after }));
}
