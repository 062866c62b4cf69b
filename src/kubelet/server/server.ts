/** The node's HTTPS API: logs of containers and of the machine, exec, attach, port-forward, pods, health, metrics. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Logger } from '../../api/logger.ts';
import type { Pod } from '../../api/types.gen.ts';
import type { RuntimeService } from '../../runtime/contract.ts';
import { authorize, callerOf } from './authorize.ts';
import { HttpError } from './errors.ts';
import { createExecHandler, type ExecHandler } from './exec.ts';
import { createContainerFinder, type ContainerPath } from './find-container.ts';
import { serveLogs, type LogsOptions } from './logs.ts';
import { serveNodeLogs } from './node-logs.ts';
import { createKubeletMetrics } from './metrics.ts';
import { createPortForwardHandler, type PortForwardHandler } from './port-forward.ts';

export interface KubeletServerOptions {
  readonly port: number;
  /** Address to listen on; all when left out. */
  readonly host?: string;
  readonly tls: ServingTls;
  readonly runtime: RuntimeService;
  /** Pods of this node, as the API has them. */
  readonly pods: () => readonly Pod[];
  /** What other parts of this process say at `/metrics`, in Prometheus' text format. */
  readonly metrics?: () => string;
  /** What `/logs/` shows: /var/log when left out. */
  readonly machineLogs?: string;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** PEM texts; callers show a certificate of `clientCA`. Without `cert` no connection succeeds until `follow` brings one. */
export interface ServingTls {
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly clientCA: string;
  /** Calls `use` with each certificate that takes the place of the one before; connections that stand keep theirs. */
  readonly follow?: ((use: (pair: { readonly cert: string; readonly key: string }) => void) => void) | undefined;
}

interface Target {
  readonly route: string;
  readonly parts: readonly string[];
  readonly path: ContainerPath | undefined;
  readonly query: URLSearchParams;
}

const maxUrl = 64 * 1024;

function targetOf(request: IncomingMessage): Target {
  const url = request.url ?? '/';
  if (url.length > maxUrl) throw new HttpError(414, 'URI too long');
  try {
    const { pathname, searchParams } = new URL(url, 'https://kubelet');
    const [route = '', ...rest] = pathname.split('/').slice(1).map(decodeURIComponent);
    const [namespace, pod, container] = rest;
    const complete = rest.length === 3 && namespace !== undefined && pod !== undefined && container !== undefined;
    return { route, parts: rest, path: complete ? { namespace, pod, container } : undefined, query: searchParams };
  } catch {
    throw new HttpError(400, 'the URL cannot be read');
  }
}

function sendText(response: ServerResponse, code: number, text: string, type = 'text/plain'): void {
  response.writeHead(code, { 'content-type': type, 'content-length': Buffer.byteLength(text) }).end(text);
}

class KubeletServer {
  readonly #options: KubeletServerOptions;
  readonly #logs: LogsOptions;
  readonly #metrics: () => Promise<string>;
  readonly #exec: ExecHandler;
  readonly #portForward: PortForwardHandler;
  readonly server: Server;

  constructor(options: KubeletServerOptions) {
    this.#options = options;
    const { tls, runtime, pods, logger } = options;
    const finder = createContainerFinder(pods, runtime);
    this.#metrics = createKubeletMetrics(runtime);
    this.#exec = createExecHandler({ runtime, finder, logger });
    this.#portForward = createPortForwardHandler({ runtime, pods, logger });
    const listeners = new Map<string, Set<() => void>>();
    runtime.onEvent(({ id }) => listeners.get(id)?.forEach((wake) => wake()));
    const onContainerChange = (id: string, wake: () => void): (() => void) => {
      const own = listeners.get(id) ?? new Set();
      listeners.set(id, own.add(wake));
      return () => void (own.delete(wake) && own.size === 0 && listeners.delete(id));
    };
    this.#logs = { runtime, finder, onContainerChange };
    const { cert, key, clientCA: ca } = tls;
    this.server = createServer({
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
      ca,
      requestCert: true,
      // Answered with 401 instead of a broken handshake.
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      maxHeaderSize: maxUrl + 16 * 1024,
      headersTimeout: 10_000,
      requestTimeout: 30_000,
      connectionsCheckingInterval: 5_000,
      handshakeTimeout: 10_000,
    });
    tls.follow?.((pair) => this.server.setSecureContext({ ...pair, ca, minVersion: 'TLSv1.2' }));
    this.server.maxConnections = 1_000;
    this.server.on('request', (request, response) => void this.#answer(request, response));
    this.server.on('upgrade', (request, socket, head) => void this.#upgrade(request, socket, head));
  }

  close(): void {
    this.#exec.close();
    this.#portForward.close();
    this.server.close();
    this.server.closeAllConnections();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      authorize(callerOf(request.socket as TLSSocket));
      request.resume();
      await this.#route(request, response);
    } catch (error) {
      this.#fail(error, (code, text) => {
        if (response.headersSent) response.destroy();
        else sendText(response, code, text);
      });
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { route, parts, path, query } = targetOf(request);
    if (request.method !== 'GET') throw new HttpError(405, 'method not allowed');
    if (route === 'healthz') return sendText(response, 200, 'ok');
    if (route === 'pods') {
      const list = { kind: 'PodList', apiVersion: 'v1', metadata: {}, items: this.#options.pods() };
      return sendText(response, 200, JSON.stringify(list), 'application/json');
    }
    if (route === 'metrics') {
      const text = (await this.#metrics()) + (this.#options.metrics?.() ?? '');
      return sendText(response, 200, text, 'text/plain; version=0.0.4');
    }
    if (route === 'logs') return serveNodeLogs(this.#options.machineLogs ?? '/var/log', parts, response);
    if (route === 'containerLogs' && path !== undefined) return serveLogs(this.#logs, path, query, response);
    if ((route === 'exec' || route === 'attach') && path !== undefined)
      throw new HttpError(400, `${route} needs a WebSocket (Upgrade: websocket)`);
    throw new HttpError(404, '404 page not found');
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', () => socket.destroy());
    try {
      authorize(callerOf(request.socket as TLSSocket));
      await this.#serveUpgrade(targetOf(request), request, socket, head);
    } catch (error) {
      this.#fail(error, (code, text) => {
        const length = Buffer.byteLength(text);
        socket.end(
          `HTTP/1.1 ${code} Refused\r\nContent-Type: text/plain\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n${text}`,
        );
      });
    }
  }

  #serveUpgrade(target: Target, request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const { route, parts, path, query } = target;
    const [namespace, pod] = parts;
    if ((route === 'exec' || route === 'attach') && path !== undefined)
      return this.#exec.upgrade(route, path, query, request, socket, head);
    if (route === 'portForward' && namespace !== undefined && pod !== undefined && parts.length === 2)
      return this.#portForward.upgrade({ namespace, pod }, request, socket, head);
    throw new HttpError(404, '404 page not found');
  }

  #fail(error: unknown, answer: (code: number, text: string) => void): void {
    if (error instanceof HttpError) return answer(error.code, error.message);
    this.#options.logger.error('a request failed', { error });
    answer(500, 'internal error');
  }
}

/** Resolves with the port once it is listened on; closed by `signal`. Rejects when the address is taken. */
export async function startKubeletServer(options: KubeletServerOptions): Promise<{ readonly port: number }> {
  const kubelet = new KubeletServer(options);
  const { server } = kubelet;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: options.port, ...(options.host === undefined ? {} : { host: options.host }) }, resolve);
  });
  server.on('error', (error) => options.logger.error('the server of the kubelet failed', { error }));
  options.signal.addEventListener('abort', () => kubelet.close(), { once: true });
  const address = server.address();
  return { port: typeof address === 'object' && address !== null ? address.port : options.port };
}
