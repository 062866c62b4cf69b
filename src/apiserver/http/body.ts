/** Bodies of requests: bounded bytes in, JSON values out. */
import type { IncomingMessage } from 'node:http';
import { parse as parseYaml } from 'yaml';
import { badRequest, tooLarge, unsupportedMediaType } from '../errors.ts';
import { decodeProtobuf } from '../protobuf/decode.ts';
import { nestsTooDeepJson, nestsTooDeepYaml } from './nesting.ts';

/** Upstream's bound for a request's body, bytes. */
export const maxBodyBytes = 3 * 1024 * 1024;

/** The whole body. Rejects with 413 when it is longer than the bound; the rest is not read. */
export function readBody(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const refuse = (): void => {
      request.pause();
      reject(tooLarge(maxBodyBytes));
    };
    if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes) {
      refuse();
      return;
    }
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      chunks.push(chunk);
      if (bytes > maxBodyBytes) refuse();
    });
    request.once('end', () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
    request.once('error', reject);
    request.once('close', () => reject(new Error('the client went away before its request was complete')));
  });
}

/** A Content-Type header without its parameters. */
export function contentTypeOf(header: string | undefined): string {
  return (header ?? 'application/json').split(';')[0]?.trim().toLowerCase() || 'application/json';
}

/** Types of bodies that hold an object. */
const objectTypes = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];

/** The body's value. Throws 415 for a type that is none of these, 400 when it cannot be read. */
export function parseBody(body: Buffer, contentType: string): unknown {
  if (contentType === 'application/vnd.kubernetes.protobuf') return decodeProtobuf(body);
  const isYaml = contentType === 'application/yaml';
  if (isYaml ? nestsTooDeepYaml(body.toString()) : nestsTooDeepJson(body)) throw badRequest('the body nests too deep');
  try {
    // `*/*` is what Go clients send when they do not care.
    if (contentType === 'application/json' || contentType === '*/*') return JSON.parse(body.toString());
    if (isYaml) return parseYaml(body.toString(), { version: '1.1', maxAliasCount: 50 });
  } catch (error) {
    throw badRequest(`couldn't get version/kind; ${contentType.slice(12)} parse error: ${(error as Error).message}`);
  }
  throw unsupportedMediaType(objectTypes);
}
