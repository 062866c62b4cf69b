/** Small objects for tests. */

export const configMaps = '/api/v1/namespaces/default/configmaps';
export const podsPath = '/api/v1/namespaces/default/pods';

export function configMap(name: string, data: Record<string, string> = {}, metadata: object = {}): object {
  return { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name, ...metadata }, data };
}

export function pod(name: string, spec: object = {}, metadata: object = {}): object {
  const containers = [{ name: 'main', image: 'busybox' }];
  return { kind: 'Pod', apiVersion: 'v1', metadata: { name, ...metadata }, spec: { containers, ...spec } };
}

export const account = { kind: 'ServiceAccount', apiVersion: 'v1', metadata: { name: 'default' } };
export const accounts = '/api/v1/namespaces/default/serviceaccounts';
