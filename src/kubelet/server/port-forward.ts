/**
 * `/portForward/{namespace}/{pod}`: SPDY/3.1 streams to ports in a pod's network namespace. kubectl carries SPDY inside of a WebSocket
 * (KEP-4006, subprotocol `SPDY/3.1+portforward.k8s.io`); older ones upgrade the connection itself (`Upgrade: SPDY/3.1`).
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { createWebSocketStream, WebSocketServer } from 'ws';
import type { Logger } from '../../api/logger.ts';
import type { Pod } from '../../api/types.gen.ts';
import { openDialer, type Dialer } from '../../kernel/netns-dialer.ts';
import type { RuntimeService } from '../../runtime/contract.ts';
import { HttpError } from './errors.ts';
import { keepAlive } from './exec-session.ts';
import { servePortForwards } from './port-forward-session.ts';

export interface PortForwardHandler {
  /** Takes over the connection. Throws an HttpError before it did. */
  upgrade(
    path: { readonly namespace: string; readonly pod: string },
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ): Promise<void>;
  close(): void;
}

export interface PortForwardHandlerOptions {
  readonly runtime: RuntimeService;
  readonly pods: () => readonly Pod[];
  readonly logger: Logger;
  /** For tests. */
  readonly dialerFor?: (netns: string | undefined) => Promise<Dialer>;
}

const protocol = 'portforward.k8s.io';
const tunnelled = `SPDY/3.1+${protocol}`;
/** A data frame of the client, with room to spare. */
const maxMessageBytes = 4 * 1024 * 1024;

function offered(request: IncomingMessage, header: string): string[] {
  return String(request.headers[header] ?? '')
    .split(',')
    .map((name) => name.trim());
}

/** Serves any number of connections at once. */
export function createPortForwardHandler(options: PortForwardHandlerOptions): PortForwardHandler {
  const { runtime, pods, logger, dialerFor = openDialer } = options;
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: maxMessageBytes,
    perMessageDeflate: false,
  });
  // Its name holds a slash, which the library takes for a mistake (RFC 6455 wants a token): so it is told nothing of it.
  server.on('headers', (headers) => headers.push(`Sec-WebSocket-Protocol: ${tunnelled}`));
  const open = new Set<Duplex>();

  /** The network namespace of the pod; undefined is the node's own. */
  const netnsOf = async (path: { namespace: string; pod: string }): Promise<string | undefined> => {
    const pod = pods().find(({ metadata }) => metadata.namespace === path.namespace && metadata.name === path.pod);
    if (pod === undefined)
      throw new HttpError(404, `pod "${path.pod}" not found in namespace "${path.namespace}" on this node`);
    const sandboxes = await runtime.listPodSandboxes();
    const sandbox = sandboxes.find((each) => each.pod.uid === pod.metadata.uid && each.state === 'ready');
    if (sandbox === undefined) throw new HttpError(400, `unable to forward port: pod "${path.pod}" is not running`);
    if (pod.spec?.hostNetwork === true) return undefined;
    if (sandbox.netns === undefined) throw new HttpError(400, `pod "${path.pod}" has no network namespace`);
    return sandbox.netns;
  };

  const serve = async (transport: Duplex, netns: string | undefined): Promise<void> => {
    open.add(transport);
    transport.once('close', () => open.delete(transport));
    try {
      await servePortForwards(transport, { openDialer: () => dialerFor(netns), logger });
    } catch (error) {
      logger.warn('a port-forward broke off', { error: String(error) });
    }
  };

  return {
    async upgrade(path, request, connection, head) {
      const isTunnel = (request.headers.upgrade ?? '').toLowerCase() === 'websocket';
      const known = isTunnel ? tunnelled : protocol;
      if (!offered(request, isTunnel ? 'sec-websocket-protocol' : 'x-stream-protocol-version').includes(known))
        throw new HttpError(isTunnel ? 400 : 403, `none of the offered protocols is known; known is ${known}`);
      if (!isTunnel && !/^spdy\/3\.1$/i.test(request.headers.upgrade ?? ''))
        throw new HttpError(400, 'unable to upgrade: neither WebSocket nor SPDY/3.1');
      const netns = await netnsOf(path);
      if (isTunnel) {
        delete request.headers['sec-websocket-protocol'];
        server.handleUpgrade(request, connection, head, (socket) => {
          keepAlive(socket);
          void serve(createWebSocketStream(socket), netns);
        });
        return;
      }
      const lines = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: SPDY/3.1'];
      connection.write(`${lines.join('\r\n')}\r\nX-Stream-Protocol-Version: ${protocol}\r\n\r\n`);
      if (head.length > 0) connection.unshift(head);
      void serve(connection, netns);
    },
    close() {
      for (const transport of open) transport.destroy();
    },
  };
}
