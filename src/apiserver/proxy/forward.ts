/**
 * `pods/proxy`, `services/proxy`, `nodes/proxy`: the request goes on to the backend as it came, and its answer comes back
 * with its links leading through here.
 *
 *   /api/v1/namespaces/NS/services/http:web:80/proxy/some/path?x=1
 *   └────────────── prefix ───────────────────────┘└─ the backend's ─┘
 */
import { request as httpRequest, type ClientRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { apiError } from '../../api/errors.ts';
import { pathBeyondProxy } from '../http/resource-path.ts';
import { writeUpgraded } from '../kubelets/tunnel.ts';
import type { Machinery } from '../machinery.ts';
import type { ResourcePath } from '../request.ts';
import { backendOf, type Backend } from './backend.ts';
import { requestHeaders, responseHeaders, upgradeHeaders } from './headers.ts';
import { externalLink, LinkRewriter } from './links.ts';

/** How long a backend may take to be reached. What it does then is its own affair; a silent one is cut off. */
const connectMs = 30_000;
const idleMs = 4 * 3600_000;

interface Way {
  readonly backend: Backend;
  /** What the client's path has before the backend's. */
  readonly prefix: string;
  /** The backend's path with its query; empty when the client stopped at `proxy`. */
  readonly path: string;
  readonly query: string;
  readonly externalPath: string;
}

function wayOf(machinery: Machinery, resource: ResourcePath, incoming: IncomingMessage): Way {
  const url = incoming.url ?? '';
  const mark = url.indexOf('?');
  const externalPath = mark === -1 ? url : url.slice(0, mark);
  const path = pathBeyondProxy(externalPath);
  const prefix = externalPath.slice(0, externalPath.length - path.length);
  return {
    backend: backendOf(machinery, resource),
    prefix,
    path,
    query: mark === -1 ? '' : url.slice(mark),
    externalPath,
  };
}

/** A request that is on its way; nobody's certificate is checked but a kubelet's: pods sign their own. */
function open(machinery: Machinery, way: Way, incoming: IncomingMessage, upgrade: boolean): ClientRequest {
  const { scheme, host, port, kubelet } = way.backend;
  const options = {
    host,
    port,
    method: incoming.method,
    path: (way.path || '/') + way.query,
    headers: (upgrade ? upgradeHeaders : requestHeaders)(incoming, way.externalPath),
    agent: false,
  };
  const outgoing =
    scheme === 'http'
      ? httpRequest(options)
      : httpsRequest({ ...options, ...(kubelet ? machinery.kubelets.credentials : { rejectUnauthorized: false }) });
  outgoing.setTimeout(idleMs, () => outgoing.destroy());
  const timer = setTimeout(() => outgoing.destroy(new Error('timed out')), connectMs);
  outgoing.once('socket', (socket) => {
    socket.once(scheme === 'http' ? 'connect' : 'secureConnect', () => clearTimeout(timer));
  });
  outgoing.once('close', () => clearTimeout(timer));
  return outgoing;
}

function answered({ backend: { host, port } }: Way, outgoing: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    outgoing.once('response', resolve);
    outgoing.once('error', (error) => {
      const message = `error trying to reach service: ${host}:${port}: ${error.message}`;
      reject(apiError({ code: 503, reason: 'ServiceUnavailable', message }));
    });
  });
}

async function passBack(way: Way, answer: IncomingMessage, response: ServerResponse, hosts: string[]): Promise<void> {
  const headers = responseHeaders(answer.headers);
  const rewrite = (link: string): string => externalLink(link, way.prefix, hosts);
  if (typeof headers['location'] === 'string') headers['location'] = rewrite(headers['location']);
  const isPlain = (answer.headers['content-encoding'] ?? 'identity') === 'identity';
  const isPage = isPlain && /^text\/html\s*(;|$)/i.test(answer.headers['content-type'] ?? '');
  const hasBody = response.req.method !== 'HEAD';
  if (isPage && hasBody) delete headers['content-length'];
  response.writeHead(answer.statusCode ?? 502, answer.statusMessage ?? '', headers);
  response.flushHeaders();
  // A client that leaves, or a backend that breaks off, ends the reply: there is nobody to tell.
  const parts = isPage && hasBody ? pipeline(answer, new LinkRewriter(rewrite), response) : pipeline(answer, response);
  await parts.catch(() => response.destroy());
}

/** Serves one authorised request. Rejects with what is to be answered when nothing has been yet. */
export async function proxyTo(
  machinery: Machinery,
  resource: ResourcePath,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const way = wayOf(machinery, resource, incoming);
  if (way.path === '' && (incoming.method === 'GET' || incoming.method === 'HEAD')) {
    // Else relative links of the page would leave the proxy.
    response.writeHead(301, { location: `${way.prefix}/${way.query}` }).end();
    return;
  }
  const outgoing = open(machinery, way, incoming, false);
  response.once('close', () => outgoing.destroy());
  const answer = answered(way, outgoing);
  // What goes wrong with the body is told by the answer that does not come.
  void pipeline(incoming, outgoing).catch(() => undefined);
  const { host, port } = way.backend;
  await passBack(way, await answer, response, [`${host}:${port}`, host, incoming.headers.host ?? '']);
}

/** The same for an upgrade (WebSocket): from the handshake on, bytes pass both ways as they are. */
export async function proxyUpgrade(
  machinery: Machinery,
  resource: ResourcePath,
  incoming: IncomingMessage,
  [socket, head]: readonly [Duplex, Buffer],
): Promise<void> {
  const way = wayOf(machinery, resource, incoming);
  const outgoing = open(machinery, way, incoming, true);
  const gone = (): void => void outgoing.destroy();
  socket.once('close', gone);
  const upgraded = new Promise<true>((resolve) => {
    outgoing.once('upgrade', (answer, backend, first) => {
      socket.off('close', gone);
      writeUpgraded([socket, head], { response: answer, socket: backend, head: first });
      resolve(true);
    });
  });
  const answer = answered(way, outgoing);
  outgoing.end();
  const refused = await Promise.race([upgraded, answer]);
  if (refused === true) return;
  const code = refused.statusCode ?? 502;
  refused.destroy();
  throw apiError({ code, reason: 'InternalError', message: `the backend did not upgrade: it answered ${code}` });
}
