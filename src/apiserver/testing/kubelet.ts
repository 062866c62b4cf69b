/** A stand-in for a node's kubelet: answers logs, and speaks `echo` after an upgrade. */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Authority } from '../../pki/index.ts';

export interface FakeKubelet extends AsyncDisposable {
  readonly port: number;
  /** `METHOD /path` and the name on the client's certificate, as they came. */
  readonly seen: readonly string[];
}

export interface FakeKubeletOptions {
  readonly onRequest?: (request: IncomingMessage, response: ServerResponse) => void;
  readonly onUpgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
}

/** Starts it on loopback, with a certificate of this authority; callers need one of `clients`. */
export async function startFakeKubelet(
  authority: Authority,
  options: FakeKubeletOptions,
  clients: Authority = authority,
): Promise<FakeKubelet> {
  const { certPem, keyPem } = await authority.issue({ commonName: 'system:node:n1', ipAddresses: ['127.0.0.1'] });
  const seen: string[] = [];
  const sockets = new Set<Duplex>();
  const note = (request: IncomingMessage): void => {
    const { subject } = (request.socket as TLSSocket).getPeerCertificate();
    seen.push(`${request.method} ${request.url} ${String(subject.CN)}`);
  };
  const server = createServer({ cert: certPem, key: keyPem, ca: clients.certPem, requestCert: true });
  server.on('secureConnection', (socket) => sockets.add(socket));
  server.on('request', (request, response) => {
    note(request);
    options.onRequest?.(request, response);
  });
  server.on('upgrade', (request, socket, head) => {
    note(request);
    options.onUpgrade?.(request, socket, head);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
