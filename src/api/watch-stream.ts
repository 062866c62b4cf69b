/** One WATCH over HTTP: one JSON object a line, until the server's time is up. */
import type { IncomingMessage } from 'node:http';
import type { KubeObject, WatchEvent, WatchOptions } from './client.ts';
import { ApiError, apiError } from './errors.ts';
import { LineSplitter } from './lines.ts';
import type { ResourceType } from './resources.ts';
import { transportError, type Transport } from './transport.ts';
import type { Status } from './types.gen.ts';
import { collectionPath, listQuery, queryText } from './urls.ts';

const maxLineBytes = 16 * 1024 * 1024;
/** The server ends a watch after `timeoutSeconds`; when it has not by so much more, it is not there any longer. */
const graceMs = 30_000;

/** 5 to 10 minutes, so that the watches of many agents do not end all at once. */
function randomTimeoutSeconds(): number {
  return 300 + Math.floor(Math.random() * 300);
}

interface Line {
  readonly type: string;
  readonly object: unknown;
}

function parseLine<T>(line: string, what: string): WatchEvent<T> {
  let event: Line;
  try {
    event = JSON.parse(line) as Line;
  } catch (cause) {
    throw apiError({ code: 503, reason: 'ServiceUnavailable', message: `${what}: a line is not JSON` }, { cause });
  }
  if (event.type === 'ERROR') throw new ApiError(event.object as Status);
  return event as WatchEvent<T>;
}

async function* events<T>(response: IncomingMessage, what: string): AsyncGenerator<WatchEvent<T>> {
  const splitter = new LineSplitter(maxLineBytes);
  for await (const chunk of response as AsyncIterable<Buffer>) {
    for (const line of splitter.push(chunk)) {
      if (line.trim() !== '') yield parseLine<T>(line, what);
    }
  }
  if (splitter.rest.trim() !== '') yield parseLine<T>(splitter.rest, what);
}

/** See ApiClient.watch. Ends quietly when the caller's signal fires. */
export async function* watchStream<T extends KubeObject>(
  transport: Transport,
  type: ResourceType<T>,
  options: WatchOptions,
): AsyncGenerator<WatchEvent<T>> {
  const { signal } = options;
  if (signal.aborted) return;
  const timeoutSeconds = options.timeoutSeconds ?? randomTimeoutSeconds();
  const query = queryText({ ...listQuery(options), watch: true, allowWatchBookmarks: true, timeoutSeconds });
  const path = `${collectionPath(type, options.namespace)}${query}`;
  const what = `WATCH ${path}`;
  const overdue = new AbortController();
  const timer = setTimeout(() => overdue.abort(), timeoutSeconds * 1000 + graceMs);
  let response: IncomingMessage | undefined;
  try {
    response = await transport.stream({ method: 'GET', path, signal: AbortSignal.any([signal, overdue.signal]) });
    options.onOpen?.();
    yield* events<T>(response, what);
  } catch (error) {
    if (!signal.aborted) throw transportError(error, what);
  } finally {
    clearTimeout(timer);
    response?.destroy();
  }
}
