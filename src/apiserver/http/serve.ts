/** One request's way: target → who → whether → handler → reply. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { apiError } from '../../api/errors.ts';
import type { Authenticate } from '../authn/index.ts';
import { impersonated } from '../authn/impersonation.ts';
import { attributesOf, pathAttributes, refusalText, type Attributes } from '../authz/attributes.ts';
import type { Authorizer } from '../authz/index.ts';
import type { Discovery } from '../discovery/index.ts';
import { badRequest, methodNotAllowed, noSuchPath } from '../errors.ts';
import type { Machinery } from '../machinery.ts';
import type { ResourcePath, ResourceRequest, User, Verb } from '../request.ts';
import type { ResourceRow, Subresource } from '../resource.ts';
import { handlerOf } from '../routes.ts';
import { logSocket } from '../kubelets/log-socket.ts';
import { refuseUpgrade, tunnel } from '../kubelets/tunnel.ts';
import { proxyTo, proxyUpgrade } from '../proxy/forward.ts';
import { forbiddenObject } from '../validation/refusal.ts';
import { negotiate } from './accept.ts';
import { isReview } from '../reviews/index.ts';
import { contentTypeOf, readBody } from './body.ts';
import { errorReply, sendReply, sendText } from './reply.ts';
import type { RequestMetrics } from './request-metrics.ts';
import { parseTarget, verbOf, type Target } from './target.ts';

export interface ServeOptions {
  readonly machinery: Machinery;
  readonly authenticate: Authenticate;
  readonly discovery: Discovery;
  readonly metrics: RequestMetrics;
}

/** Answered to anybody. */
const healthPath = /^\/(healthz|livez|readyz)(\/[\w-]+)?$/;
const publicPaths = new Set(['/version', '/version/']);

interface Upgrade {
  readonly verbs: readonly string[];
  /** Rights that it takes beside the verb's. */
  readonly needs: readonly string[];
  readonly serve: typeof tunnel;
}

/** A web socket begins with GET; to begin something takes the right to create all the same. */
const beginning: Upgrade = { verbs: ['get', 'create'], needs: ['create'], serve: tunnel };

const upgradable: ReadonlyMap<string, Upgrade> = new Map([
  ...['exec', 'attach', 'portforward', 'proxy'].map((subresource) => [subresource, beginning] as const),
  ['log', { verbs: ['get'], needs: [], serve: logSocket }],
]);

/** Throws 403 unless this is allowed. */
function requirePermission(authorizer: Authorizer, asked: Attributes): void {
  const { allowed, reason } = authorizer.authorize(asked);
  if (allowed) return;
  const text = reason === '' ? refusalText(asked) : `${refusalText(asked)}: ${reason}`;
  if (asked.path === undefined) throw forbiddenObject(asked, asked.name, text);
  throw apiError({ code: 403, reason: 'Forbidden', message: `forbidden: ${text}`, details: {} });
}

/** Who asks: by credentials, or the one he may speak as. Throws 401 and 403. */
function userOf({ authenticate, machinery: { authorizer } }: ServeOptions, request: IncomingMessage): User {
  const user = authenticate(request);
  return impersonated(request.headersDistinct, user, (asked) => requirePermission(authorizer, { ...asked, user }));
}

function rowFor(machinery: Machinery, path: ResourcePath): ResourceRow {
  const row = machinery.registry.find(path.group, path.version, path.resource);
  if (row === undefined) throw noSuchPath();
  if (path.subresource !== '' && !row.subresources.includes(path.subresource as Subresource)) throw noSuchPath();
  if (!row.type.namespaced && path.namespace !== '' && path.resource !== 'namespaces') throw noSuchPath();
  if (row.type.namespaced && path.namespace === '' && path.name !== '') throw noSuchPath();
  return row;
}

function isDryRun(query: URLSearchParams): boolean {
  const values = query.getAll('dryRun').filter((value) => value !== '');
  if (values.some((value) => value !== 'All')) throw badRequest(`invalid dryRun value: ${values.join(',')}`);
  return values.length > 0;
}

/** A request for a resource, ready for its handler. Throws 404, 400, 406. */
export function resourceRequest(
  machinery: Machinery,
  request: IncomingMessage,
  { target, path, verb, user }: { target: Target; path: ResourcePath; verb: Verb; user: User },
  warn: (text: string) => void = () => undefined,
): ResourceRequest {
  const row = rowFor(machinery, path);
  return {
    verb,
    path,
    row,
    query: target.query,
    user,
    // What is never stored has no metadata to show alone, or in a table.
    representation: negotiate(request.headers.accept, isReview(row)),
    dryRun: isDryRun(target.query),
    contentType: contentTypeOf(request.headers['content-type']),
    body: () => readBody(request),
    warn,
  };
}

async function serveResource(
  options: ServeOptions,
  request: IncomingMessage,
  response: ServerResponse,
  { target, path, user }: { target: Target; path: ResourcePath; user: User },
): Promise<void> {
  const verb = verbOf(target, path);
  if (verb === undefined) throw methodNotAllowed();
  requirePermission(options.machinery.authorizer, attributesOf(user, verb, path, target.query));
  if (path.subresource === 'proxy') {
    rowFor(options.machinery, path);
    await proxyTo(options.machinery, path, request, response);
    return;
  }
  const wanted = resourceRequest(options.machinery, request, { target, path, verb, user }, (text) => {
    response.appendHeader('warning', `299 - "${text.replace(/["\\]/g, '\\$&')}"`);
  });
  const handler = handlerOf(wanted);
  if (handler === undefined) throw methodNotAllowed();
  const reply = await handler(options.machinery, wanted, response);
  if (reply !== undefined) sendReply(response, reply, wanted.representation.encoding);
}

function serveDocument(
  { discovery }: ServeOptions,
  target: Target,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const document = discovery(target.pathname, request.headers.accept);
  if (document === undefined) throw noSuchPath();
  if (target.method !== 'GET' && target.method !== 'HEAD') throw methodNotAllowed();
  sendReply(response, { code: 200, body: document.body }, 'json', document.contentType);
}

async function answer(options: ServeOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const target = parseTarget(request.method ?? '', request.url ?? '');
  if (target === undefined) throw badRequest('the path cannot be decoded');
  options.metrics.follow(target, response);
  if (healthPath.test(target.pathname)) {
    sendText(response, 200, 'ok');
    return;
  }
  if (publicPaths.has(target.pathname)) {
    serveDocument(options, target, request, response);
    return;
  }
  const user = userOf(options, request);
  const path = target.resource;
  if (path !== undefined) {
    await serveResource(options, request, response, { target, path, user });
    return;
  }
  const asked = pathAttributes(user, target.method.toLowerCase(), target.pathname);
  requirePermission(options.machinery.authorizer, asked);
  if (target.pathname === '/metrics' && target.method === 'GET') {
    sendText(response, 200, options.metrics.text(), 'text/plain; version=0.0.4; charset=utf-8');
    return;
  }
  serveDocument(options, target, request, response);
}

/** Serves one request; never rejects. What went wrong inside is logged and answered with 500. */
export async function serve(options: ServeOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    await answer(options, request, response);
  } catch (error) {
    const reply = errorReply(error);
    if (reply.code === 500)
      options.machinery.logger.error('request failed', { method: request.method, url: request.url, error });
    // A body that was not read cannot be told from the next request.
    if (!request.complete) response.setHeader('connection', 'close');
    if (response.headersSent) response.destroy();
    else sendReply(response, reply);
  }
}

/** Throws 404 for what is nothing to upgrade, 405 for another method. */
function upgradeOf(
  { subresource }: ResourcePath,
  verb: Verb | undefined,
): { readonly upgrade: Upgrade; readonly verb: Verb } {
  const upgrade = upgradable.get(subresource);
  if (upgrade === undefined) throw noSuchPath();
  if (verb === undefined || !upgrade.verbs.includes(verb)) throw methodNotAllowed();
  return { upgrade, verb };
}

/** Serves one request for another protocol; never rejects. */
export async function serveUpgrade(
  options: ServeOptions,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  socket.on('error', () => socket.destroy());
  try {
    const target = parseTarget(request.method ?? '', request.url ?? '');
    const path = target?.resource;
    const user = userOf(options, request);
    if (target === undefined || path === undefined) throw noSuchPath();
    const { upgrade, verb } = upgradeOf(path, verbOf(target, path));
    for (const each of new Set([verb, ...upgrade.needs])) {
      requirePermission(options.machinery.authorizer, attributesOf(user, each, path, target.query));
    }
    if (path.subresource === 'proxy') {
      rowFor(options.machinery, path);
      await proxyUpgrade(options.machinery, path, request, [socket, head]);
      return;
    }
    const wanted = resourceRequest(options.machinery, request, { target, path, verb, user });
    await upgrade.serve(options.machinery, wanted, request, [socket, head]);
  } catch (error) {
    if (errorReply(error).code === 500) options.machinery.logger.error('upgrade failed', { url: request.url, error });
    refuseUpgrade(socket, error);
  }
}
