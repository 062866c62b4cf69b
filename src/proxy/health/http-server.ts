/** Small HTTP servers that answer GET from memory: bounded in connections, time and bytes, as anybody may call. */
import { createServer, type Server } from 'node:http';

export interface Answer {
  readonly code: number;
  readonly type: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Listener {
  /** Ends the connections that are open, too. */
  close(): void;
}

const maxConnections = 128;
const maxTimeMs = 10_000;

/** Path → what is told there. */
export type Routes = Readonly<Record<string, () => Answer>>;

export const json = (code: number, value: unknown, headers?: Readonly<Record<string, string>>): Answer => ({
  code,
  type: 'application/json',
  body: JSON.stringify(value),
  ...(headers === undefined ? {} : { headers }),
});
export const plain = (body: string): Answer => ({ code: 200, type: 'text/plain; charset=utf-8', body });
const notFound: Answer = { code: 404, type: 'text/plain; charset=utf-8', body: '404 page not found\n' };
const badMethod: Answer = { code: 405, type: 'text/plain; charset=utf-8', body: 'only GET\n' };

function serverOf(answer: (path: string) => Answer): Server {
  const server = createServer((request, response) => {
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    const [path = '/'] = (request.url ?? '/').split('?', 1);
    const { code, type, body, headers } = isRead ? answer(path) : badMethod;
    request.resume();
    response.writeHead(code, {
      'content-type': type,
      'content-length': Buffer.byteLength(body),
      'x-content-type-options': 'nosniff',
      ...headers,
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  });
  server.maxConnections = maxConnections;
  server.headersTimeout = maxTimeMs;
  server.requestTimeout = maxTimeMs;
  server.keepAliveTimeout = 5_000;
  return server;
}

/** `HOST:PORT` or `[HOST]:PORT`; without a host every address. Throws for what is neither. */
export function parseBindAddress(text: string): { readonly host: string | undefined; readonly port: number } {
  const [, host = '', port = ''] = /^(.*):(\d{1,5})$/.exec(text) ?? [];
  if (port === '' || Number(port) > 65_535) throw new Error(`${text} is no address to listen on: HOST:PORT is wanted`);
  return { host: host.replace(/^\[|\]$/g, '') || undefined, port: Number(port) };
}

/** Rejects when the port is taken. A function in the place of routes answers every path. */
export function listen(
  { host, port }: { readonly host: string | undefined; readonly port: number },
  routes: Routes | (() => Answer),
): Promise<Listener> {
  const server = serverOf((path) => {
    if (typeof routes === 'function') return routes();
    return Object.hasOwn(routes, path) ? (routes[path]?.() ?? notFound) : notFound;
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      server.on('error', () => undefined); // one connection's, and it is gone
      resolve({
        close: () => {
          server.close();
          server.closeAllConnections();
        },
      });
    });
  });
}
