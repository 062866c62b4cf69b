/** Which EndpointSlices to create, change and delete. Pure; changes as little as it can. */
import type { DiscoveryEndpointPort, Endpoint, EndpointSlice } from '../../api/types.gen.ts';
import { semanticEqual } from '../semantic-equal.ts';
import type { AddressType } from './endpoint-facts.ts';
import type { SliceOwner } from './slice-owner.ts';

/** Endpoints that serve the same ports. */
export interface EndpointGroup {
  readonly addressType: AddressType;
  readonly ports: readonly DiscoveryEndpointPort[];
  readonly endpoints: readonly Endpoint[];
}

export interface SlicesPlan {
  /** Without a name: that is given when it is created. */
  readonly create: readonly EndpointSlice[];
  readonly update: readonly EndpointSlice[];
  readonly remove: readonly EndpointSlice[];
}

/** Ports in any order mean the same. */
export function portsKey(ports: readonly DiscoveryEndpointPort[] | undefined): string {
  const rows = (ports ?? []).map(({ name, port, protocol, appProtocol }) =>
    JSON.stringify([name ?? '', port, protocol ?? 'TCP', appProtocol]),
  );
  return rows.sort().join();
}

/** The same pod at the same address is the same endpoint, whatever its conditions. */
function identity(endpoint: Endpoint): string {
  return JSON.stringify([endpoint.targetRef?.uid, endpoint.targetRef?.name, endpoint.addresses]);
}

/** What all slices of an owner have in their metadata. */
const marksOf = ({ labels, annotations }: SliceOwner): Pick<EndpointSlice['metadata'], 'labels' | 'annotations'> => ({
  labels: { ...labels },
  ...(annotations === undefined ? {} : { annotations: { ...annotations } }),
});

function newSlice(owner: SliceOwner, group: Omit<EndpointGroup, 'endpoints'>, endpoints: Endpoint[]): EndpointSlice {
  const { namespace, name, reference } = owner;
  return {
    metadata: {
      generateName: `${name}-`,
      ...(namespace === undefined ? {} : { namespace }),
      ...marksOf(owner),
      ownerReferences: [reference],
    },
    addressType: group.addressType,
    ports: [...group.ports],
    endpoints,
  };
}

function isOwnedBy(slice: EndpointSlice, { reference }: SliceOwner): boolean {
  return slice.metadata.ownerReferences?.some(({ uid }) => uid === reference.uid) ?? false;
}

function hasMarks({ metadata }: EndpointSlice, { labels, annotations }: SliceOwner): boolean {
  return (
    semanticEqual(metadata.labels, labels) &&
    (annotations === undefined || semanticEqual(metadata.annotations, annotations))
  );
}

/** One existing slice on its way: what it keeps, and whether it must be written anyhow. */
interface Draft {
  readonly slice: EndpointSlice;
  endpoints: Endpoint[];
  changed: boolean;
}

/** Keeps of each slice what is still wanted; takes that out of `wanted`. */
function keepWanted(slice: EndpointSlice, wanted: Map<string, Endpoint>, owner: SliceOwner): Draft {
  const before = slice.endpoints ?? [];
  const endpoints = before.flatMap((endpoint) => {
    const next = wanted.get(identity(endpoint));
    wanted.delete(identity(endpoint));
    return next === undefined ? [] : [next];
  });
  const changed = !semanticEqual(before, endpoints) || !hasMarks(slice, owner);
  return { slice, endpoints, changed };
}

/** Puts what is left into slices that are written anyhow, then into the fullest one where all of it fits. */
function fill(drafts: readonly Draft[], rest: Endpoint[], max: number): void {
  for (const draft of drafts.filter((each) => each.changed)) {
    draft.endpoints.push(...rest.splice(0, max - draft.endpoints.length));
  }
  if (rest.length === 0) return;
  const part = rest.length % max;
  const roomy = drafts
    .filter((each) => part > 0 && !each.changed && each.endpoints.length + part <= max)
    .sort((a, b) => b.endpoints.length - a.endpoints.length)[0];
  if (roomy === undefined) return;
  roomy.endpoints.push(...rest.splice(0, part));
  roomy.changed = true;
}

function planGroup(owner: SliceOwner, group: EndpointGroup, existing: readonly EndpointSlice[]): SlicesPlan {
  const wanted = new Map(group.endpoints.map((endpoint) => [identity(endpoint), endpoint]));
  const drafts = existing.map((slice) => keepWanted(slice, wanted, owner));
  const rest = [...wanted.values()];
  fill(drafts, rest, owner.maxEndpoints);
  const create: EndpointSlice[] = [];
  while (rest.length > 0) create.push(newSlice(owner, group, rest.splice(0, owner.maxEndpoints)));
  const emptied = drafts.filter((draft) => draft.endpoints.length === 0);
  const written = drafts.filter((draft) => draft.changed && draft.endpoints.length > 0);
  const marks = marksOf(owner);
  return {
    create,
    update: written.map(({ slice, endpoints }) => ({ ...slice, metadata: { ...slice.metadata, ...marks }, endpoints })),
    remove: emptied.map(({ slice }) => slice),
  };
}

/** A slice on its way out becomes one on its way in, of the same family: one write instead of two, and no gap between. */
function reuse(plan: SlicesPlan, owner: SliceOwner): SlicesPlan {
  const create = [...plan.create];
  const update = [...plan.update];
  const remove = plan.remove.filter((old) => {
    const index = create.findIndex((each) => each.addressType === old.addressType);
    const [next] = index === -1 || !isOwnedBy(old, owner) ? [] : create.splice(index, 1);
    if (next === undefined) return true;
    const metadata = { ...old.metadata, ...marksOf(owner) };
    update.push({ ...old, metadata, ports: next.ports ?? [], endpoints: next.endpoints ?? [] });
    return false;
  });
  return { create, update, remove };
}

function planFamily(
  owner: SliceOwner,
  addressType: AddressType,
  groups: readonly EndpointGroup[],
  existing: readonly EndpointSlice[],
): SlicesPlan {
  const owned = existing.filter((slice) => isOwnedBy(slice, owner));
  const foreign = existing.filter((slice) => !isOwnedBy(slice, owner));
  const keys = new Set(groups.map(({ ports }) => portsKey(ports)));
  const plans = groups.map((group) =>
    planGroup(
      owner,
      group,
      owned.filter((slice) => portsKey(slice.ports) === portsKey(group.ports)),
    ),
  );
  const create = plans.flatMap((plan) => plan.create);
  const update = plans.flatMap((plan) => plan.update);
  const unused = owned.filter((slice) => !keys.has(portsKey(slice.ports)));
  const remove = [...foreign, ...unused, ...plans.flatMap((plan) => plan.remove)];
  if (create.length > 0 || remove.length < existing.length || !owner.keepsOne) return { create, update, remove };
  const placeholder = newSlice(owner, { addressType, ports: [] }, []);
  const [only] = remove;
  if (remove.length === 1 && only !== undefined && isPlaceholder(only, placeholder)) {
    return { create: [], update, remove: [] };
  }
  return { create: [placeholder], update, remove };
}

function isPlaceholder(slice: EndpointSlice, placeholder: EndpointSlice): boolean {
  const same = semanticEqual(slice.metadata.labels, placeholder.metadata.labels);
  const owners = semanticEqual(slice.metadata.ownerReferences, placeholder.metadata.ownerReferences);
  return same && owners && (slice.ports ?? []).length === 0 && (slice.endpoints ?? []).length === 0;
}

/** `existing` are the slices of this owner that we manage; those of other families are removed. */
export function planSlices(
  owner: SliceOwner,
  addressTypes: readonly AddressType[],
  groups: readonly EndpointGroup[],
  existing: readonly EndpointSlice[],
): SlicesPlan {
  const plans = addressTypes.map((type) =>
    planFamily(
      owner,
      type,
      groups.filter((group) => group.addressType === type && group.endpoints.length > 0),
      existing.filter((slice) => slice.addressType === type),
    ),
  );
  const known = new Set<string>(addressTypes);
  const strange = existing.filter((slice) => !known.has(slice.addressType));
  return reuse(
    {
      create: plans.flatMap((plan) => plan.create),
      update: plans.flatMap((plan) => plan.update),
      remove: [...strange, ...plans.flatMap((plan) => plan.remove)],
    },
    owner,
  );
}
