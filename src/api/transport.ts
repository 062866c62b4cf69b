/** HTTP requests to one server: kept-alive connections, time limits, bounded replies, one retry of a stale connection. */
import http from 'node:http';
import https from 'node:https';
import { ApiError, apiError } from './errors.ts';
import type { ClientConfig } from './kubeconfig.ts';
import type { Status } from './types.gen.ts';

export interface Request {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path and query. */
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Default `application/json`. */
  readonly contentType?: string;
  /** Ends the request; it then rejects. */
  readonly signal?: AbortSignal;
}

export interface Transport {
  /** The reply's JSON. Rejects with an ApiError 30 s after it got a connection, above 64 MiB, and for a code of 400 and more. */
  json(request: Request): Promise<unknown>;
  /** The reply's body as it comes; its turn once come, the head must come within 30 s. The caller must read it to its end or destroy it. */
  stream(request: Request): Promise<http.IncomingMessage>;
  /** Signs in by this certificate from now on. Watches end and come back with it; short requests that are under way are finished. */
  useCertificate(pair: { readonly cert: string; readonly key: string }): void;
  /** Closes idle connections; what is under way goes on. */
  close(): void;
}

export const requestTimeoutMs = 30_000;
const maxReplyBytes = 64 * 1024 * 1024;
/** Dead peers are found by TCP keep-alive probes that start after this time. */
const keepAliveMs = 15_000;

/**
 * Connections that short requests share; more requests than these wait for their turn. More would not be answered sooner: each costs a TLS
 * handshake and buffers at both ends, and fifty agents after a burst of pods would hold 1,600 of them open.
 */
const maxConnections = 8;

interface Wire {
  readonly client: typeof http | typeof https;
  /** For short requests. */
  readonly agent: http.Agent;
  /** For replies that may take minutes: as many connections as there are replies, {@link maxConnections} of them being opened. */
  readonly streamAgent: http.Agent;
  readonly base: URL;
  readonly headers: () => Readonly<Record<string, string>>;
}

function unavailable(message: string, cause?: unknown): ApiError {
  return apiError({ code: 503, reason: 'ServiceUnavailable', message }, { cause });
}

/** An error of the socket or of the reading, as an ApiError. */
export function transportError(cause: unknown, what: string): ApiError {
  if (cause instanceof ApiError) return cause;
  return unavailable(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
}

function timeoutError(what: string): ApiError {
  return apiError({ code: 504, reason: 'Timeout', message: `${what}: no reply within ${requestTimeoutMs / 1000} s` });
}

function bodyOf(request: Request): { payload: Buffer | undefined; headers: Record<string, string> } {
  if (request.body === undefined) return { payload: undefined, headers: {} };
  const payload = Buffer.from(JSON.stringify(request.body));
  const contentType = request.contentType ?? 'application/json';
  return { payload, headers: { 'content-type': contentType, 'content-length': String(payload.length) } };
}

/** A failure on a connection that an earlier request used, before any byte of the reply: the server had closed it. */
class StaleConnection extends Error {}

/** Resolves with the head of the reply. */
function send(wire: Wire, agent: http.Agent, request: Request): Promise<http.IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
  const { payload, headers } = bodyOf(request);
  const outgoing = wire.client.request({
    agent,
    protocol: wire.base.protocol,
    hostname: wire.base.hostname.replace(/^\[|\]$/g, ''),
    port: wire.base.port,
    method: request.method,
    path: `${wire.base.pathname.replace(/\/$/, '')}${request.path}`,
    headers: { ...wire.headers(), ...headers },
    ...(request.signal === undefined ? {} : { signal: request.signal }),
  });
  const what = `${request.method} ${request.path}`;
  let timer: NodeJS.Timeout | undefined;
  // Not while it waits for a connection: where all are slow, those that wait would all be given up and asked again, for ever.
  outgoing.once('socket', () => {
    timer = setTimeout(() => outgoing.destroy(timeoutError(what)), requestTimeoutMs);
  });
  outgoing.once('response', (response) => {
    clearTimeout(timer);
    resolve(response);
  });
  outgoing.on('error', (error: NodeJS.ErrnoException) => {
    clearTimeout(timer);
    const stale = outgoing.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
    reject(stale ? new StaleConnection(what, { cause: error }) : transportError(error, what));
  });
  outgoing.end(payload);
  return promise;
}

/** Only reads are sent twice: a write may have been carried out before the connection broke. */
async function sendWithRetry(wire: Wire, agent: http.Agent, request: Request): Promise<http.IncomingMessage> {
  try {
    return await send(wire, agent, request);
  } catch (error) {
    if (!(error instanceof StaleConnection)) throw error;
    if (request.method !== 'GET') throw transportError(error.cause, error.message);
    return await send(wire, agent, request).catch((second: unknown) => {
      throw second instanceof StaleConnection ? transportError(second.cause, second.message) : second;
    });
  }
}

async function readBody(response: http.IncomingMessage, what: string): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  const timer = setTimeout(() => response.destroy(timeoutError(what)), requestTimeoutMs);
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxReplyBytes) throw unavailable(`${what}: the reply is larger than ${maxReplyBytes} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    throw transportError(error, what);
  } finally {
    clearTimeout(timer);
  }
  return Buffer.concat(chunks, size).toString('utf8');
}

function isStatus(value: unknown): value is Status {
  return typeof value === 'object' && value !== null && (value as Status).kind === 'Status';
}

/** What a code of 400 and more says: the Status in its body, or one made from the code. */
function refusal(code: number, body: string, what: string): ApiError {
  try {
    const value: unknown = JSON.parse(body);
    if (isStatus(value)) return new ApiError({ ...value, code });
  } catch {
    // Not JSON: a proxy, or a server that is starting.
  }
  const reason = code === 404 ? 'NotFound' : code === 401 ? 'Unauthorized' : code === 403 ? 'Forbidden' : 'Unknown';
  return apiError({ code, reason, message: `${what}: HTTP ${code}: ${body.slice(0, 500).trim()}` });
}

function wireOf(config: ClientConfig): Wire {
  const base = new URL(config.server);
  const pool = { keepAlive: true, keepAliveMsecs: keepAliveMs };
  const limits = { maxSockets: maxConnections, maxFreeSockets: maxConnections };
  const { ca, cert, key } = config;
  const secure = base.protocol === 'https:';
  if (!secure && base.protocol !== 'http:') throw new Error(`${config.server}: not an http or https address`);
  const { token } = config;
  const fixed = { accept: 'application/json', 'user-agent': config.userAgent ?? 'podwire' };
  const headers = (): Record<string, string> =>
    token === undefined ? fixed : { ...fixed, authorization: `Bearer ${typeof token === 'string' ? token : token()}` };
  const agentOf = (options: http.AgentOptions): http.Agent =>
    secure ? new https.Agent({ ...options, ca, cert, key, minVersion: 'TLSv1.2' }) : new http.Agent(options);
  const agent = agentOf({ ...pool, ...limits });
  return { client: secure ? https : http, agent, streamAgent: agentOf(pool), base, headers };
}

/** Gives at most `free` turns at a time, in the order in which they are asked for. */
class Turns {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(free: number) {
    this.#free = free;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}

/** Opens no connection before the first request. Throws when `server` is no URL. */
export function createTransport(config: ClientConfig): Transport {
  let wire = wireOf(config);
  const openings = new Turns(maxConnections);

  const open = async (agent: http.Agent, request: Request): Promise<http.IncomingMessage> => {
    const response = await sendWithRetry(wire, agent, request);
    const code = response.statusCode ?? 500;
    if (code < 400) return response;
    const what = `${request.method} ${request.path}`;
    throw refusal(code, await readBody(response, what), what);
  };

  const json = async (request: Request): Promise<unknown> => {
    const response = await open(wire.agent, request);
    const what = `${request.method} ${request.path}`;
    const body = await readBody(response, what);
    try {
      return body === '' ? undefined : JSON.parse(body);
    } catch (cause) {
      throw unavailable(`${what}: the reply is not JSON`, cause);
    }
  };

  const close = (): void => {
    for (const { freeSockets } of [wire.agent, wire.streamAgent]) {
      for (const socket of Object.values(freeSockets).flat()) socket?.destroy();
    }
  };
  const useCertificate = (pair: { readonly cert: string; readonly key: string }): void => {
    const { agent, streamAgent } = wire;
    close();
    wire = wireOf({ ...config, ...pair });
    // Connections that come back from a request are not kept.
    agent.maxFreeSockets = 0;
    for (const socket of Object.values(streamAgent.sockets).flat()) socket?.destroy();
  };
  const stream = (request: Request): Promise<http.IncomingMessage> =>
    openings.run(() => open(wire.streamAgent, request));
  return { json, stream, useCertificate, close };
}
