/** Whether DNS lives and is ready, and its counters, over plain HTTP: `/health`, `/ready`, `/metrics`. */
import { once } from 'node:events';
import { createServer } from 'node:http';

export interface HealthServerOptions {
  readonly host: string;
  readonly port: number;
  isReady(): boolean;
  metrics(): string;
}

/** Resolves when it listens; what comes back closes it. */
export async function startHealthServer(options: HealthServerOptions): Promise<() => void> {
  const server = createServer({ requestTimeout: 5_000, headersTimeout: 5_000 }, (request, response) => {
    const answer = (code: number, text: string): void => {
      response.writeHead(code, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text);
    };
    if (request.method !== 'GET') return answer(405, 'GET only\n');
    switch (request.url) {
      case '/health':
        return answer(200, 'OK');
      case '/ready':
        return options.isReady() ? answer(200, 'OK') : answer(503, 'the cluster is not known yet\n');
      case '/metrics':
        return answer(200, options.metrics());
      default:
        return answer(404, 'there are /health, /ready and /metrics\n');
    }
  });
  server.maxConnections = 64;
  server.listen(options.port, options.host);
  await once(server, 'listening');
  return () => {
    server.closeAllConnections();
    server.close();
  };
}
