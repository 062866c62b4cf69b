/** The client of the Kubernetes API over HTTP. */
import type { ApiClient, DeleteOptions, KubeList, KubeObject, ListOptions, ObjectKey, PatchOptions } from './client.ts';
import type { ClientConfig } from './kubeconfig.ts';
import { apiVersionOf, type ResourceType } from './resources.ts';
import { createTransport } from './transport.ts';
import { collectionPath, listQuery, objectPath, queryText } from './urls.ts';
import { watchStream } from './watch-stream.ts';

const patchContentTypes = {
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  json: 'application/json-patch+json',
} as const;

function keyOfObject(object: KubeObject): ObjectKey {
  return { namespace: object.metadata.namespace, name: object.metadata.name ?? '' };
}

function deleteBody(options: DeleteOptions): unknown {
  return { kind: 'DeleteOptions', apiVersion: 'v1', ...options };
}

/** A server leaves out kind and apiVersion in the items of a list; owners and events need them. */
function nameKinds<T extends KubeObject>(type: ResourceType<T>, list: KubeList<T>): KubeList<T> {
  list.items ??= [];
  for (const item of list.items) {
    item.apiVersion ??= apiVersionOf(type);
    item.kind ??= type.kind;
  }
  return list;
}

/** A client whose certificate can be renewed while it works. */
export interface HttpApiClient extends ApiClient {
  /** Signs in by this certificate (PEM texts) from now on; watches end and come back with it. */
  useCertificate(pair: { readonly cert: string; readonly key: string }): void;
}

/** Opens connections as they are needed and keeps them. Throws when `config.server` is no URL. */
export function createApiClient(config: ClientConfig): HttpApiClient {
  const transport = createTransport(config);
  return {
    get: async <T extends KubeObject>(type: ResourceType<T>, key: ObjectKey) =>
      (await transport.json({ method: 'GET', path: objectPath(type, key) })) as T,
    list: async <T extends KubeObject>(type: ResourceType<T>, options: ListOptions = {}) => {
      const path = `${collectionPath(type, options.namespace)}${queryText(listQuery(options))}`;
      return nameKinds(type, (await transport.json({ method: 'GET', path })) as KubeList<T>);
    },
    watch: (type, options) => watchStream(transport, type, options),
    create: async <T extends KubeObject>(type: ResourceType<T>, object: T) => {
      const path = collectionPath(type, object.metadata.namespace);
      const body = { apiVersion: apiVersionOf(type), kind: type.kind, ...object };
      return (await transport.json({ method: 'POST', path, body })) as T;
    },
    update: async <T extends KubeObject>(type: ResourceType<T>, object: T, subresource?: string) => {
      const path = objectPath(type, keyOfObject(object), subresource);
      const body = { apiVersion: apiVersionOf(type), kind: type.kind, ...object };
      return (await transport.json({ method: 'PUT', path, body })) as T;
    },
    patch: async <T extends KubeObject>(
      type: ResourceType<T>,
      key: ObjectKey,
      body: unknown,
      options: PatchOptions,
    ) => {
      const path = objectPath(type, key, options.subresource);
      const contentType = patchContentTypes[options.type];
      return (await transport.json({ method: 'PATCH', path, body, contentType })) as T;
    },
    delete: async (type, key, options = {}) => {
      await transport.json({ method: 'DELETE', path: objectPath(type, key), body: deleteBody(options) });
    },
    createSubresource: async (type, key, subresource, body) =>
      await transport.json({ method: 'POST', path: objectPath(type, key, subresource), body }),
    useCertificate: (pair) => transport.useCertificate(pair),
    close: () => transport.close(),
  };
}
