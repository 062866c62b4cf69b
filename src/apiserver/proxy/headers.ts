/** Which headers go through a proxy. */
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http';

/** RFC 9110, 7.6.1: between two neighbours only. */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Who the caller is to the API server is nobody else's business. */
const credentials = /^(authorization|impersonate-.*)$/;

function through(headers: IncomingHttpHeaders, dropped: (name: string) => boolean): OutgoingHttpHeaders {
  const named = (headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase());
  const entries = Object.entries(headers).filter(
    ([name, value]) => value !== undefined && !hopByHop.has(name) && !named.includes(name) && !dropped(name),
  );
  return Object.fromEntries(entries);
}

/**
 * What the backend gets. Bodies come as they are or not at all: only plain ones can have their links rewritten.
 * `X-Forwarded-Uri` is where the client asked.
 */
export function requestHeaders(incoming: IncomingMessage, externalPath: string): OutgoingHttpHeaders {
  const { headers } = incoming;
  const hasBody = headers['transfer-encoding'] !== undefined && headers['content-length'] === undefined;
  return {
    ...through(headers, (name) => credentials.test(name) || name === 'accept-encoding'),
    'accept-encoding': 'identity',
    'x-forwarded-uri': externalPath,
    'x-forwarded-host': headers.host ?? '',
    'x-forwarded-proto': 'https',
    ...(hasBody && { 'transfer-encoding': 'chunked' }),
  };
}

/** The same for an upgrade, whose handshake stands in headers that else stay behind. */
export function upgradeHeaders(incoming: IncomingMessage, externalPath: string): OutgoingHttpHeaders {
  const { connection, upgrade } = incoming.headers;
  return { ...requestHeaders(incoming, externalPath), connection, upgrade };
}

/** What the client gets. */
export function responseHeaders(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  return through(headers, () => false);
}
