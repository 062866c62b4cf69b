/** `/containerLogs/{namespace}/{pod}/{container}` */
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { RuntimeService } from '../../runtime/contract.ts';
import { logStream, type LogSource } from '../logs/log-stream.ts';
import { HttpError } from './errors.ts';
import type { ContainerFinder, ContainerPath } from './find-container.ts';
import { parseLogOptions } from './log-options.ts';

export interface LogsOptions {
  readonly runtime: RuntimeService;
  readonly finder: ContainerFinder;
  /** Calls back when a container of this ID may have ended. */
  readonly onContainerChange: (id: string, wake: () => void) => () => void;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

/** Writes the log to `response`; for `follow` until the container ended or the client went away. */
export async function serveLogs(
  options: LogsOptions,
  path: ContainerPath,
  query: URLSearchParams,
  response: ServerResponse,
): Promise<void> {
  const { runtime, finder, onContainerChange } = options;
  const wanted = parseLogOptions(query, Date.now());
  const { container } = await finder.find(path, wanted.previous ? 1 : 0);
  const source: LogSource = {
    path: container.logPath,
    isDone: async () => {
      const state = (await runtime.containerStatus(container.id))?.state;
      return state !== 'running' && state !== 'created';
    },
    onChange: (wake) => onContainerChange(container.id, wake),
  };
  const abort = new AbortController();
  response.once('close', () => abort.abort());
  const lines = logStream(source, wanted, abort.signal);
  try {
    const first = wanted.follow ? undefined : await lines.next();
    response.writeHead(200, { 'content-type': 'text/plain' });
    response.flushHeaders();
    if (first !== undefined && first.done !== true) response.write(first.value);
    await pipeline(Readable.from(lines, { objectMode: false }), response, { signal: abort.signal });
  } catch (error) {
    if (response.headersSent) response.destroy();
    else if (isMissing(error)) throw new HttpError(404, `the log of container "${path.container}" is not there`);
    else throw error;
  } finally {
    abort.abort();
  }
}
