/** /api, /apis and below: which groups, versions and resources there are, in the plain and the aggregated form. */
import type { GroupVersion } from '../storage/registry.ts';
import type { ResourceRow } from '../resource.ts';
import { subresourcesOf, verbsOfRow } from './describe.ts';

/** The media type of the aggregated form; kubectl checks it. */
export const aggregatedType = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

const nameOf = ({ group, version }: GroupVersion): string => (group === '' ? version : `${group}/${version}`);

function plainResources(row: ResourceRow): object[] {
  const { type, singular, shortNames, categories } = row;
  const { namespaced, kind, resource } = type;
  const own = { name: resource, singularName: singular, namespaced, kind, verbs: verbsOfRow(row) };
  const subresources = subresourcesOf(row).map((served) => ({
    name: `${resource}/${served.subresource}`,
    singularName: '',
    namespaced,
    ...(served.kind.kind !== kind && { group: served.kind.group, version: served.kind.version }),
    kind: served.kind.kind,
    verbs: served.verbs,
  }));
  return [{ ...own, ...(shortNames && { shortNames }), ...(categories && { categories }) }, ...subresources];
}

/** /api/v1, /apis/GROUP/VERSION. */
export function resourceList(groupVersion: GroupVersion): object {
  const resources = groupVersion.rows.flatMap(plainResources);
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: nameOf(groupVersion), resources };
}

function groupNames(groupVersions: readonly GroupVersion[]): readonly string[] {
  return [...new Set(groupVersions.map(({ group }) => group))];
}

/** /apis/GROUP; undefined when there is no such group. */
export function apiGroup(groupVersions: readonly GroupVersion[], group: string): object | undefined {
  const versions = groupVersions
    .filter((each) => each.group === group)
    .map((each) => ({ groupVersion: nameOf(each), version: each.version }));
  if (versions.length === 0) return undefined;
  return { kind: 'APIGroup', apiVersion: 'v1', name: group, versions, preferredVersion: versions[0] };
}

/** /apis. */
export function groupList(groupVersions: readonly GroupVersion[]): object {
  const names = groupNames(groupVersions).filter((group) => group !== '');
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: names.map((group) => apiGroup(groupVersions, group)) };
}

/** /api. */
export function coreVersions(serverAddress: string): object {
  const serverAddressByClientCIDRs = [{ clientCIDR: '0.0.0.0/0', serverAddress }];
  return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs };
}

function aggregatedResource(row: ResourceRow): object {
  const { type, singular, shortNames, categories } = row;
  const subresources = subresourcesOf(row).map(({ subresource, kind, verbs }) => ({
    subresource,
    responseKind: kind,
    verbs,
  }));
  return {
    resource: type.resource,
    responseKind: { group: type.group, version: type.version, kind: type.kind },
    scope: type.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: singular,
    verbs: verbsOfRow(row),
    ...(shortNames && { shortNames }),
    ...(categories && { categories }),
    ...(subresources.length > 0 && { subresources }),
  };
}

/** /api (`core`) or /apis with everything below it in one document. */
export function aggregated(groupVersions: readonly GroupVersion[], core: boolean): object {
  const groups = groupNames(groupVersions).filter((group) => (group === '') === core);
  const items = groups.map((group) => ({
    metadata: { name: group, creationTimestamp: null },
    versions: groupVersions
      .filter((each) => each.group === group)
      .map(({ version, rows }) => ({ version, resources: rows.map(aggregatedResource), freshness: 'Current' })),
  }));
  return { kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2', metadata: {}, items };
}
