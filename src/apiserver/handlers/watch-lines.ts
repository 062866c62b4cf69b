/** What watchers are told of one change, encoded once however many there are. */
import type { StoreEvent } from '../../store/contract.ts';
import type { Machinery } from '../machinery.ts';
import { partialObject } from '../representations/partial.ts';
import { includeObjectOf, table, tableRow } from '../representations/table.ts';
import type { ResourceRequest } from '../request.ts';
import { decodeShared, encodedAt, objectAt } from '../storage/codec.ts';
import type { Selection } from './selection.ts';

export type WatchType = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';

/** A line as one HTTP chunk (RFC 9112, 7.1): framed once for all watchers, written to their sockets as it is. */
function lineOf(type: WatchType, object: Buffer): Buffer {
  const start = `{"type":"${type}","object":`;
  const size = (start.length + object.length + 2).toString(16);
  return Buffer.concat([Buffer.from(`${size}\r\n${start}`, 'latin1'), object, Buffer.from('}\n\r\n')]);
}

/** A chunk with an object that is no stored one (bookmarks, errors). */
export function plainLine(type: WatchType, object: object): Buffer {
  return lineOf(type, Buffer.from(JSON.stringify(object)));
}

/** How a change looks to a watcher that selects: an object may come into its view, or leave it. */
function typeFor(event: StoreEvent, selects: Selection | undefined): WatchType | undefined {
  const { previous } = event;
  const before = previous !== undefined && (selects === undefined || selects(decodeShared(previous)));
  const now = event.type === 'put' && (selects === undefined || selects(decodeShared(event.value)));
  if (now) return before ? 'MODIFIED' : 'ADDED';
  return before ? 'DELETED' : undefined;
}

/** Lines that were made for an event, by what makes them differ. */
const lines = new WeakMap<StoreEvent, Map<string, Buffer>>();

/** Makes the lines of one watch, each as an HTTP chunk. */
export interface LineMaker {
  /** A line for an object as it stands (the initial events). */
  initial(value: Buffer, revision: number): Buffer;
  /** A line for a change, undefined when this watcher does not see it. */
  change(event: StoreEvent): Buffer | undefined;
}

/** Throws 400 for a query that makes no sense. */
export function createLineMaker(
  machinery: Machinery,
  request: ResourceRequest,
  selects: Selection | undefined,
): LineMaker {
  const { row, representation } = request;
  const include = includeObjectOf(request);
  // A watcher's first table names the columns.
  let first = true;
  const encode = (value: Buffer, revision: number): Buffer => {
    if (representation.form === 'object') return encodedAt(value, revision);
    const object = objectAt(value, revision);
    if (representation.form === 'partial') return Buffer.from(JSON.stringify(partialObject(object)));
    const rows = [tableRow(row, object, machinery.now(), include)];
    const metadata = { resourceVersion: String(revision) };
    return Buffer.from(JSON.stringify(table(row, rows, metadata, first)));
  };
  const variant = (type: WatchType): string => `${type} ${representation.form} ${include} ${first}`;
  const change = (event: StoreEvent): Buffer | undefined => {
    const type = typeFor(event, selects);
    if (type === undefined) return undefined;
    const made = lines.get(event) ?? new Map<string, Buffer>();
    lines.set(event, made);
    const name = variant(type);
    let line = made.get(name);
    if (line === undefined) {
      // What leaves a watcher's view is shown as it last was in it.
      const value = type === 'DELETED' && event.previous !== undefined ? event.previous : event.value;
      line = lineOf(type, encode(value, event.revision));
      made.set(name, line);
    }
    if (representation.form === 'table') first = false;
    return line;
  };
  const initial = (value: Buffer, revision: number): Buffer => {
    const line = lineOf('ADDED', encode(value, revision));
    if (representation.form === 'table') first = false;
    return line;
  };
  return { initial, change };
}
