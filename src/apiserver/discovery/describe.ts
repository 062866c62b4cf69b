/** What a row serves, in the words of discovery. */
import type { GroupVersionKind } from '../../api/schema/table.ts';
import type { ResourceRow, Subresource } from '../resource.ts';

export interface Served {
  readonly subresource: string;
  readonly kind: GroupVersionKind;
  readonly verbs: readonly string[];
}

const objectVerbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

const core = (kind: string): GroupVersionKind => ({ group: '', version: 'v1', kind });

/** Subresources whose kind is not the object's own. */
const otherKinds: Readonly<Partial<Record<Subresource, GroupVersionKind>>> = {
  scale: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
  eviction: { group: 'policy', version: 'v1', kind: 'Eviction' },
  token: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' },
  binding: core('Binding'),
  exec: core('PodExecOptions'),
  attach: core('PodAttachOptions'),
  portforward: core('PodPortForwardOptions'),
};

const verbsOf: Readonly<Record<Subresource, readonly string[]>> = {
  status: ['get', 'patch', 'update'],
  scale: ['get', 'patch', 'update'],
  log: ['get'],
  exec: ['create', 'get'],
  attach: ['create', 'get'],
  portforward: ['create', 'get'],
  proxy: ['create', 'delete', 'get', 'patch', 'update'],
  binding: ['create'],
  eviction: ['create'],
  finalize: ['update'],
  approval: ['get', 'patch', 'update'],
  token: ['create'],
};

function kindOf({ type: { group, version, kind } }: ResourceRow): GroupVersionKind {
  return { group, version, kind };
}

/** The verbs of the row itself: a review can only be created. */
export function verbsOfRow(row: ResourceRow): readonly string[] {
  return row.columns.length === 0 ? ['create'] : objectVerbs;
}

export function subresourcesOf(row: ResourceRow): readonly Served[] {
  return [...row.subresources].sort().map((subresource) => ({
    subresource,
    kind: subresource === 'proxy' ? core(`${row.type.kind}ProxyOptions`) : (otherKinds[subresource] ?? kindOf(row)),
    verbs: verbsOf[subresource],
  }));
}
