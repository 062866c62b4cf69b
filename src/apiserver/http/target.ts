/** What a request's method and URL ask for. */
import type { ResourcePath, Verb } from '../request.ts';
import { parseResourcePath } from './resource-path.ts';

export interface Target {
  readonly method: string;
  readonly pathname: string;
  readonly query: URLSearchParams;
  /** Undefined for what is no resource. */
  readonly resource: ResourcePath | undefined;
}

/** Undefined when the URL cannot be read. */
export function parseTarget(method: string, url: string): Target | undefined {
  const mark = url.indexOf('?');
  const pathname = mark === -1 ? url : url.slice(0, mark);
  const query = new URLSearchParams(mark === -1 ? '' : url.slice(mark + 1));
  try {
    return { method, pathname, query, resource: parseResourcePath(pathname) };
  } catch {
    return undefined;
  }
}

const single: Readonly<Record<string, Verb>> = {
  GET: 'get',
  HEAD: 'get',
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/** The verb as RBAC knows it. Undefined for a method that has none. */
export function verbOf({ method, query }: Target, path: ResourcePath): Verb | undefined {
  const watch = query.get('watch');
  if (method === 'GET' && path.subresource === '' && (watch === 'true' || watch === '1')) return 'watch';
  if (path.name === '' && method === 'GET') return 'list';
  if (path.name === '' && method === 'DELETE') return 'deletecollection';
  // RBAC knows no verb for it; only a rule of all verbs allows it.
  if (path.subresource === 'proxy' && method === 'OPTIONS') return 'connect';
  return Object.hasOwn(single, method) ? single[method] : undefined;
}
