/** `pods/log` over a WebSocket, as browsers ask for it: each piece of the log is a message, and the end closes. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import type { Machinery } from '../machinery.ts';
import type { ResourceRequest } from '../request.ts';
import { openLog } from './log.ts';

const base64 = 'base64.binary.k8s.io';
/** Of a log the client is told, and says nothing itself. */
const protocols = ['binary.k8s.io', base64];
const maxMessageBytes = 1024;

const server = new WebSocketServer({
  noServer: true,
  maxPayload: maxMessageBytes,
  perMessageDeflate: false,
  handleProtocols: (offered) => protocols.find((protocol) => offered.has(protocol)) ?? false,
});

/** Resolves when it is on its way: a reader who is slow holds the log back. */
async function send(client: WebSocket, chunk: Buffer): Promise<void> {
  const data = client.protocol === base64 ? chunk.toString('base64') : chunk;
  await new Promise<void>((resolve, reject) =>
    client.send(data, (error) => (error === undefined || error === null ? resolve() : reject(error))),
  );
}

/** A client that leaves, or a kubelet that breaks off, ends it: there is nobody to tell. */
async function passOn(stream: IncomingMessage | undefined, client: WebSocket): Promise<void> {
  try {
    for await (const chunk of (stream ?? []) as AsyncIterable<Buffer>) await send(client, chunk);
    client.close(1000);
  } catch {
    client.terminate();
  }
}

/** Serves one upgrade on an authorised request. Rejects with what is to be answered. */
export async function logSocket(
  machinery: Machinery,
  request: ResourceRequest,
  incoming: IncomingMessage,
  [socket, head]: readonly [Duplex, Buffer],
): Promise<void> {
  const gone = new AbortController();
  socket.once('close', () => gone.abort());
  const stream = await openLog(machinery, request, gone.signal);
  server.handleUpgrade(incoming, socket, head, (client) => {
    client.on('error', () => client.terminate());
    void passOn(stream, client);
  });
}
