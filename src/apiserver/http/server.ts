/** The HTTPS listener: TLS, limits, connections. */
import { constants } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Logger } from '../../api/logger.ts';

export interface ListenOptions {
  readonly listen: { readonly host: string; readonly port: number };
  /** PEM texts; `clientCA` signs those who come with a certificate. */
  readonly tls: { readonly cert: string; readonly key: string; readonly clientCA: string };
  readonly logger: Logger;
  readonly onRequest: (request: IncomingMessage, response: ServerResponse) => void;
  readonly onUpgrade: (request: IncomingMessage, socket: Socket, head: Buffer) => void;
}

export interface Listener {
  readonly port: number;
  /** Ends all connections, watches too. */
  close(): Promise<void>;
}

const maxConnections = 10_000;

function httpsServer({ tls, onRequest, onUpgrade }: ListenOptions): Server {
  const server = createServer(
    {
      cert: tls.cert,
      key: tls.key,
      ca: tls.clientCA,
      minVersion: 'TLSv1.2',
      requestCert: true,
      // Who brings no certificate may bring a token; who brings a wrong one is refused by authentication.
      rejectUnauthorized: false,
      // Every connection shows its certificate anew.
      secureOptions: constants.SSL_OP_NO_TICKET,
      ALPNProtocols: ['http/1.1'],
      handshakeTimeout: 10_000,
      headersTimeout: 20_000,
      requestTimeout: 60_000,
      connectionsCheckingInterval: 5_000,
      // Longer than the 90 s after which Go clients close an idle connection.
      keepAliveTimeout: 120_000,
      maxHeaderSize: 64 * 1024,
      noDelay: true,
    },
    onRequest,
  );
  server.maxConnections = maxConnections;
  server.on('upgrade', onUpgrade);
  return server;
}

/** Resolves when the port is open. Rejects when it cannot be had. */
export async function startListener(options: ListenOptions): Promise<Listener> {
  const { listen, logger } = options;
  const server = httpsServer(options);
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    // What breaks before TLS stands has nobody else to hear of it.
    socket.on('error', () => socket.destroy());
  });
  server.listen(listen.port, listen.host);
  await once(server, 'listening');
  server.on('error', (error) => logger.error('listener failed', { error }));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
