/** Every path that is no resource, by name. */
import type { ServiceAccountTokens } from '../authn/service-account-tokens.ts';
import { parseAccept } from '../http/accept.ts';
import type { Registry } from '../storage/registry.ts';
import { aggregated, aggregatedType, apiGroup, coreVersions, groupList, resourceList } from './groups.ts';
import { issuerDocuments } from './issuer.ts';
import { createOpenApi } from './openapi.ts';
import { serverVersion } from './version.ts';

export interface Document {
  readonly body: Buffer | object;
  readonly contentType?: string;
}

/** Answers the document of a path; undefined when there is none. */
export type Discovery = (pathname: string, accept: string | undefined) => Document | undefined;

type Issuer = Pick<ServiceAccountTokens, 'issuer' | 'keys'>;

function wantsAggregated(accept: string | undefined): boolean {
  const [first] = parseAccept(accept);
  return first?.parameters['as'] === 'APIGroupDiscoveryList' && first.parameters['g'] === 'apidiscovery.k8s.io';
}

/**
 * kubectl reads version 2 only to check a `List` before it sends it, and takes a kind that is not there for valid; the server
 * checks each item. So this document, a protobuf message, is the empty one.
 */
const openApiV2: Document = {
  body: Buffer.alloc(0),
  contentType: 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf',
};

/** `serverAddress`: where clients reach this server, HOST:PORT. */
export function createDiscovery(registry: Registry, tokens: Issuer, serverAddress: string): Discovery {
  const { groupVersions } = registry;
  const openApi = createOpenApi(registry);
  const documents = new Map<string, Document>([
    ['/version', { body: serverVersion }],
    ['/api', { body: coreVersions(serverAddress) }],
    ['/apis', { body: groupList(groupVersions) }],
  ]);
  const together = new Map<string, Document>(
    [true, false].map((core) => [
      core ? '/api' : '/apis',
      { body: aggregated(groupVersions, core), contentType: aggregatedType },
    ]),
  );
  for (const each of groupVersions) {
    const base = each.group === '' ? '/api' : `/apis/${each.group}`;
    documents.set(`${base}/${each.version}`, { body: resourceList(each) });
    if (each.group !== '') documents.set(base, { body: apiGroup(groupVersions, each.group) ?? {} });
  }
  documents.set('/openapi/v2', openApiV2);
  for (const [path, document] of issuerDocuments(tokens, serverAddress)) documents.set(path, document);
  documents.set('/', { body: { paths: ['/healthz', '/livez', '/metrics', '/readyz', ...documents.keys()].sort() } });
  return (pathname, accept) => {
    const path = pathname.length > 1 && pathname.endsWith('/') ? pathname.slice(0, -1) : pathname;
    const found = (wantsAggregated(accept) ? together.get(path) : undefined) ?? documents.get(path);
    if (found !== undefined) return found;
    const body = openApi(path);
    return body === undefined ? undefined : { body };
  };
}
