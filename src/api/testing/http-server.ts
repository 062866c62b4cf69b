/** A scripted HTTP server on the loopback, for tests of what speaks HTTP. */
import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export interface SeenRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

export type Reply = (request: SeenRequest, response: http.ServerResponse) => void;

export interface TestServer extends AsyncDisposable {
  readonly url: string;
  /** All requests so far. */
  readonly seen: readonly SeenRequest[];
  /** Breaks every open connection. */
  dropConnections(): void;
  /** How many connections were opened so far. */
  readonly connections: number;
}

/** Answers each request by `reply`; `port` 0 is any free one. */
export async function startTestServer(reply: Reply, port = 0): Promise<TestServer> {
  const seen: SeenRequest[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = http.createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const { method = '', url = '', headers } = incoming;
      const request = { method, url, headers, body: Buffer.concat(chunks).toString('utf8') };
      seen.push(request);
      reply(request, response);
    });
  });
  server.on('connection', (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const dropConnections = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    dropConnections,
    get connections() {
      return connections;
    },
    async [Symbol.asyncDispose]() {
      dropConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Sends `value` as JSON. */
export function sendJson(response: http.ServerResponse, value: unknown, code = 200): void {
  response.writeHead(code, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}
