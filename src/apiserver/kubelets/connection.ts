/** Connections to the kubelets of nodes: our client certificate, their certificate checked against their CA. */
import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { Agent, request, type RequestOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import { unreachable } from '../errors.ts';

export interface KubeletClient {
  /** PEM texts. */
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** Where a node's kubelet listens. */
export interface KubeletAddress {
  readonly host: string;
  readonly port: number;
}

export interface Upgraded {
  readonly response: IncomingMessage;
  readonly socket: Duplex;
  /** Bytes that came right behind the response's header. */
  readonly head: Buffer;
}

export interface Kubelets {
  /** What a connection to a kubelet is made with. */
  readonly credentials: KubeletClient;
  /** The response as soon as its header is there. Rejects with 502. `signal` ends it. */
  get(address: KubeletAddress, path: string, signal: AbortSignal): Promise<IncomingMessage>;
  /** Asks for another protocol; answers a plain response when the kubelet refuses. Rejects with 502. */
  upgrade(
    address: KubeletAddress,
    path: string,
    method: string,
    headers: OutgoingHttpHeaders,
  ): Promise<Upgraded | IncomingMessage>;
  /** Closes idle connections. */
  close(): void;
}

/** How long a kubelet may take to answer the header. */
const headerTimeoutMs = 30_000;

export function createKubelets(client: KubeletClient): Kubelets {
  const agent = new Agent({ ...client, keepAlive: true, maxFreeSockets: 64 });
  const start = <T>(
    options: RequestOptions & KubeletAddress,
    listen: (outgoing: ClientRequest, resolve: (value: T) => void) => void,
  ): Promise<T> =>
    new Promise((resolve, reject) => {
      const outgoing = request(options);
      const timer = setTimeout(() => outgoing.destroy(new Error('timed out')), headerTimeoutMs);
      const settle = (value: T): void => {
        clearTimeout(timer);
        resolve(value);
      };
      listen(outgoing, settle);
      outgoing.once('error', (error) => {
        clearTimeout(timer);
        reject(unreachable(`error dialing backend: ${options.host}:${options.port}: ${error.message}`));
      });
      outgoing.end();
    });
  return {
    credentials: client,
    get: ({ host, port }, path, signal) =>
      start<IncomingMessage>({ host, port, path, agent, signal }, (outgoing, resolve) => {
        outgoing.once('response', resolve);
      }),
    upgrade: ({ host, port }, path, method, headers) =>
      start<Upgraded | IncomingMessage>(
        { ...client, host, port, path, method, headers, agent: false },
        (outgoing, resolve) => {
          outgoing.once('response', resolve);
          outgoing.once('upgrade', (response, socket, head) => resolve({ response, socket, head }));
        },
      ),
    close: () => agent.destroy(),
  };
}
