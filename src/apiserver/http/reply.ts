/** Sends replies. */
import type { ServerResponse } from 'node:http';
import { stringify } from 'yaml';
import { ApiError, failureStatus } from '../../api/errors.ts';
import type { Reply, Representation } from '../request.ts';

/** A body as bytes, in the encoding asked for. */
export function encodeBody(body: Buffer | object, encoding: Representation['encoding']): Buffer {
  if (encoding === 'yaml') {
    const value: unknown = Buffer.isBuffer(body) ? JSON.parse(body.toString()) : body;
    return Buffer.from(stringify(value, { version: '1.1', aliasDuplicateObjects: false }));
  }
  return Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
}

/** Sends the reply and ends the response; nothing when the client has gone or a reply was begun. */
export function sendReply(
  response: ServerResponse,
  { code, body }: Reply,
  encoding: Representation['encoding'] = 'json',
  contentType = `application/${encoding}`,
): void {
  if (response.headersSent || response.destroyed) return;
  const bytes = encodeBody(body, encoding);
  response.writeHead(code, {
    'content-type': contentType,
    'content-length': bytes.length,
    'cache-control': 'no-cache, private',
  });
  response.end(bytes);
}

/** The reply to a request that failed. */
export function errorReply(error: unknown): Reply {
  if (error instanceof ApiError) return { code: error.code, body: error.status };
  const message = 'Internal error occurred: see the log of the API server';
  return { code: 500, body: failureStatus({ code: 500, reason: 'InternalError', message }) };
}

/** Sends plain text (health checks, metrics). */
export function sendText(
  response: ServerResponse,
  code: number,
  text: string,
  contentType = 'text/plain; charset=utf-8',
): void {
  response.writeHead(code, { 'content-type': contentType, 'x-content-type-options': 'nosniff' });
  response.end(text);
}
