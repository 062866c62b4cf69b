/** One request, as the handlers see it: who asks, for what, how. */
import type { ResourceRow } from './resource.ts';

/** Who asks. */
export interface User {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection' | 'connect';

/** What a path under /api or /apis names. */
export interface ResourcePath {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  /** Empty for cluster-scoped resources and for all namespaces. */
  readonly namespace: string;
  /** Empty for a collection. */
  readonly name: string;
}

/** How the reply shall look. */
export interface Representation {
  readonly form: 'object' | 'table' | 'partial';
  readonly encoding: 'json' | 'yaml';
}

/** A request for objects of a row. */
export interface ResourceRequest {
  readonly verb: Verb;
  readonly path: ResourcePath;
  readonly row: ResourceRow;
  readonly query: URLSearchParams;
  readonly user: User;
  readonly representation: Representation;
  readonly dryRun: boolean;
  /** Content type without parameters, `application/json` when the client named none. */
  readonly contentType: string;
  /** The whole body; rejects with 413 when it is too long. */
  body(): Promise<Buffer>;
  /** Adds a `Warning` header to the reply; kubectl prints it. */
  warn(text: string): void;
}

/** What a handler answers. */
export interface Reply {
  readonly code: number;
  /** Bytes of JSON, or an object to be encoded. */
  readonly body: Buffer | object;
}
