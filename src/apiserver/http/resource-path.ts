/** Paths of the API, taken apart: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris */
import type { ResourcePath } from '../request.ts';

/** Subresources of namespaces themselves; anything else after a namespace's name is a resource in it. */
const namespaceSubresources = new Set(['status', 'finalize']);

/** Segments after the group and version. */
function parseResource(group: string, version: string, parts: readonly string[]): ResourcePath | undefined {
  const [first = '', second = '', third = '', ...rest] = parts;
  if (first === 'namespaces' && second !== '' && third !== '' && !namespaceSubresources.has(third)) {
    const [name = '', subresource = '', ...more] = rest;
    return more.length > 0 ? undefined : { group, version, resource: third, namespace: second, name, subresource };
  }
  if (rest.length > 0) return undefined;
  const namespace = first === 'namespaces' ? second : '';
  return { group, version, resource: first, namespace, name: second, subresource: third };
}

/** What stands before the part of a path that is another server's: `…/pods/NAME/proxy` and all that follows. */
const proxied = /^((?:\/api\/[^/]+|\/apis\/[^/]+\/[^/]+)(?:\/namespaces\/[^/]+)?\/[^/]+\/[^/]+\/proxy)(?:\/|$)/;

/** The path at the other end of a `proxy` subresource, as it was sent; empty when there is none. */
export function pathBeyondProxy(pathname: string): string {
  const [, own = pathname] = proxied.exec(pathname) ?? [];
  return pathname.slice(own.length);
}

/** Undefined when the path names no resource (discovery, health, nonsense). Throws URIError for broken escapes. */
export function parseResourcePath(pathname: string): ResourcePath | undefined {
  const [, own = pathname] = proxied.exec(pathname) ?? [];
  const parts = own.split('/').slice(1).map(decodeURIComponent);
  if (parts.at(-1) === '') parts.pop();
  // An empty or slashed segment could reach another object's key.
  if (parts.some((part) => part === '' || part === '.' || part === '..' || part.includes('/'))) return undefined;
  const [root, first = '', second = ''] = parts;
  if (root === 'api' && parts.length > 2) return parseResource('', first, parts.slice(2));
  if (root === 'apis' && parts.length > 3) return parseResource(first, second, parts.slice(3));
  return undefined;
}
