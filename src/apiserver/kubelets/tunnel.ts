/**
 * `pods/exec`, `attach`, `portforward`: the client's upgrade (WebSocket or SPDY) is made to the kubelet, and from then on
 * bytes pass both ways as they are. A side that ends its writing is still read; a side that breaks takes the other with it.
 */
import { STATUS_CODES, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Socket } from 'node:net';
import { badRequest } from '../errors.ts';
import { errorReply } from '../http/reply.ts';
import type { Machinery } from '../machinery.ts';
import type { ResourceRequest } from '../request.ts';
import type { Upgraded } from './connection.ts';
import { kubeletRefusal } from './log.ts';
import { containerOf, kubeletOf, podOf } from './target.ts';

/** As upstream's streaming idle timeout. */
const idleMs = 4 * 3600_000;

/** Headers that make the handshake. */
const handshake = /^(connection|upgrade|sec-websocket-.*|x-stream-protocol-version)$/;

/** The kubelet's names for the streams. */
const streams = { stdin: 'input', stdout: 'output', stderr: 'error' } as const;

/** The kubelet's path for a subresource. Throws 400. */
function kubeletPath(machinery: Machinery, request: ResourceRequest): { readonly node: string; readonly path: string } {
  const pod = podOf(machinery, request);
  const { subresource, namespace, name } = request.path;
  const node = pod.spec?.nodeName ?? '';
  if (node === '') throw badRequest(`pod ${name} does not have a host assigned`);
  const query = new URLSearchParams();
  if (subresource === 'portforward') {
    for (const value of request.query.getAll('ports')) query.append('port', value);
    return { node, path: `/portForward/${namespace}/${name}?${query.toString()}` };
  }
  const phase = pod.status?.phase;
  if (phase === 'Succeeded' || phase === 'Failed') {
    throw badRequest(`cannot exec into a container in a completed pod; current phase is ${phase}`);
  }
  const container = containerOf(pod, request.query.get('container'));
  for (const [ours, theirs] of Object.entries(streams)) {
    const value = request.query.get(ours);
    if (value === 'true' || value === '1') query.set(theirs, '1');
  }
  const tty = request.query.get('tty');
  if (tty === 'true' || tty === '1') query.set('tty', '1');
  for (const value of request.query.getAll('command')) query.append('command', value);
  return { node, path: `/${subresource}/${namespace}/${name}/${container}?${query.toString()}` };
}

function handshakeHeaders({ headers }: IncomingMessage): OutgoingHttpHeaders {
  const entries = Object.entries(headers).filter(([name, value]) => value !== undefined && handshake.test(name));
  return Object.fromEntries(entries);
}

function headerText(code: number, pairs: readonly string[]): string {
  const lines = [`HTTP/1.1 ${code} ${STATUS_CODES[code] ?? ''}`];
  for (let at = 0; at + 1 < pairs.length; at += 2) lines.push(`${pairs[at]}: ${pairs[at + 1]}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** Answers an upgrade that was refused, as Status. */
export function refuseUpgrade(socket: Duplex, error: unknown): void {
  const { code, body } = errorReply(error);
  const text = JSON.stringify(body);
  const pairs = [
    'content-type',
    'application/json',
    'content-length',
    String(Buffer.byteLength(text)),
    'connection',
    'close',
  ];
  socket.end(headerText(code, pairs) + text);
}

function join(client: Duplex, kubelet: Duplex): void {
  const connect = (from: Duplex, to: Duplex): void => {
    // pipe holds the faster side back, and passes an end of writing on.
    from.pipe(to);
    from.once('error', () => to.destroy());
    from.once('close', () => (to.writableFinished ? to.destroy() : to.end(() => to.destroy())));
    // Else Node ends our writing as soon as the other side has ended its own.
    from.allowHalfOpen = true;
    const socket = from as Partial<Socket>;
    socket.setTimeout?.(idleMs, () => from.destroy());
  };
  connect(client, kubelet);
  connect(kubelet, client);
}

/** Tells the client that its upgrade was taken, and joins both sides. */
export function writeUpgraded([client, head]: readonly [Duplex, Buffer], answer: Upgraded): void {
  if (client.destroyed) {
    answer.socket.destroy();
    return;
  }
  client.write(headerText(101, answer.response.rawHeaders));
  if (answer.head.length > 0) client.write(answer.head);
  if (head.length > 0) answer.socket.write(head);
  join(client, answer.socket);
}

/** Serves one upgrade on an authorised request. Rejects with what is to be answered. */
export async function tunnel(
  machinery: Machinery,
  request: ResourceRequest,
  incoming: IncomingMessage,
  client: readonly [Duplex, Buffer],
): Promise<void> {
  const { node, path } = kubeletPath(machinery, request);
  const address = kubeletOf(machinery, node);
  const answer = await machinery.kubelets.upgrade(address, path, incoming.method ?? 'GET', handshakeHeaders(incoming));
  if (!('head' in answer)) throw await kubeletRefusal(answer);
  writeUpgraded(client, answer);
}
