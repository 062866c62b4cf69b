/** Keeps the table of one family up to date: what an object changes costs what it touches, never the whole cluster. */
import type { Labels } from '../../../api/selectors.ts';
import { familyOf } from '../../../api/addresses.ts';
import type { CompiledPolicy } from './compile.ts';
import type { PodFacts } from './facts.ts';
import { PodSets, type Cluster } from './pod-sets.ts';
import { namedPortsOf, profileOf, type WantedProfile } from './profile.ts';
import {
  directions,
  setsOf,
  type BlockSet,
  type Direction,
  type Isolation,
  type PolicyChanges,
  type PolicySet,
  type PolicyTable,
  type PortSet,
  type Profile,
} from './table.ts';

/** A pod whose link this node has, or is about to make. */
export interface LocalPod {
  /** `namespace/name` */
  readonly key: string;
  readonly uid: string;
  readonly ips: readonly string[];
}

export interface PolicyKeeper {
  /** Undefined: it is gone. */
  setPod(key: string, facts: PodFacts | undefined): void;
  setNamespace(name: string, labels: Labels | undefined): void;
  setPolicy(key: string, policy: CompiledPolicy | undefined): void;
  /** `id` tells sandboxes of one pod apart. */
  setLocal(id: string, pod: LocalPod | undefined): void;
  /** Whether any policy isolates this pod of the node, as far as is known now. */
  isolates(id: string): boolean;
  hasPod(key: string, uid: string): boolean;
  /** As of the last `takeChanges`. */
  readonly table: PolicyTable;
  /** Brings the table up to date: what may be otherwise since the last call. */
  takeChanges(): PolicyChanges;
}

/** See {@link PolicyKeeper}. */
export function createPolicyKeeper(family: 4 | 6): PolicyKeeper {
  return new Keeper(family);
}

interface LiveProfile {
  readonly wanted: WantedProfile;
  users: number;
}

interface Pending {
  readonly sets: Set<string>;
  readonly members: Map<string, Set<string>>;
  readonly profiles: Set<string>;
  readonly isolated: Record<Direction, Set<string>>;
  readonly narrowed: Set<string>;
  /** Sets that lost a member. */
  readonly shrunk: Set<string>;
}

const nothing = (): Pending => ({
  sets: new Set(),
  members: new Map(),
  profiles: new Set(),
  isolated: { ingress: new Set(), egress: new Set() },
  narrowed: new Set(),
  shrunk: new Set(),
});

function put<K, V>(map: Map<K, Set<V>>, key: K, value: V): void {
  const found = map.get(key);
  if (found === undefined) map.set(key, new Set([value]));
  else found.add(value);
}

function take<K, V>(map: Map<K, Set<V>>, key: K, value: V): void {
  const found = map.get(key);
  found?.delete(value);
  if (found?.size === 0) map.delete(key);
}

const none: ReadonlySet<string> = new Set();
const nameOf = (wanted: WantedProfile | undefined): string => wanted?.profile.name ?? '';

class Keeper implements PolicyKeeper {
  readonly #family: 4 | 6;
  readonly #pods = new Map<string, PodFacts>();
  readonly #podsByNamespace = new Map<string, Set<string>>();
  readonly #namespaces = new Map<string, Labels>();
  readonly #policies = new Map<string, CompiledPolicy>();
  readonly #policiesByNamespace = new Map<string, Set<string>>();
  readonly #locals = new Map<string, LocalPod>();
  readonly #localsByNamespace = new Map<string, Set<string>>();
  readonly #localsByKey = new Map<string, Set<string>>();
  readonly #podSets: PodSets;
  readonly #sets = new Map<string, PolicySet>();
  readonly #fixedSetUsers = new Map<string, number>();
  readonly #liveProfiles = new Map<string, LiveProfile>();
  readonly #profiles = new Map<string, Profile>();
  readonly #isolated: Record<Direction, Map<string, Isolation>> = { ingress: new Map(), egress: new Map() };
  /** What each pod of this node has now, by direction: its addresses and its profile. */
  readonly #given = new Map<
    string,
    { readonly ips: readonly string[]; readonly profiles: Record<Direction, string> }
  >();
  /** Profiles by what they come from, so that pods of one Deployment share the work. */
  readonly #known = new Map<string, WantedProfile>();
  /** What was last known of each pod of this node: one that was deleted by force is isolated as long as it has its link. */
  readonly #remembered = new Map<string, PodFacts>();
  /** Pods of this node to be looked at again. */
  readonly #dirty = new Set<string>();
  #pending = nothing();

  constructor(family: 4 | 6) {
    this.#family = family;
    const cluster: Cluster = {
      pod: (key) => this.#pods.get(key),
      podsOf: (namespace) =>
        namespace === undefined ? this.#pods.keys() : (this.#podsByNamespace.get(namespace) ?? none),
      namespaceLabels: (namespace) => this.#namespaces.get(namespace),
      hasNamespace: (namespace) => this.#namespaces.has(namespace),
      ipsOf: (pod) => this.#ipsOf(pod),
    };
    this.#podSets = new PodSets(cluster, (set, key, isThere) => this.#memberChanged(set, key, isThere));
  }

  get table(): PolicyTable {
    return { isolated: this.#isolated, profiles: this.#profiles, sets: this.#sets };
  }

  setPod(key: string, facts: PodFacts | undefined): void {
    const namespace = facts?.namespace ?? this.#pods.get(key)?.namespace;
    if (namespace === undefined) return;
    if (facts === undefined) {
      this.#pods.delete(key);
      take(this.#podsByNamespace, namespace, key);
    } else {
      this.#pods.set(key, facts);
      put(this.#podsByNamespace, namespace, key);
    }
    this.#podSets.podChanged(namespace, key);
    for (const id of this.#localsByKey.get(key) ?? none) this.#dirty.add(id);
  }

  setNamespace(name: string, labels: Labels | undefined): void {
    if (labels === undefined) this.#namespaces.delete(name);
    else this.#namespaces.set(name, labels);
    this.#podSets.namespaceChanged(name);
  }

  setPolicy(key: string, policy: CompiledPolicy | undefined): void {
    const namespace = policy?.namespace ?? this.#policies.get(key)?.namespace;
    if (namespace === undefined) return;
    if (policy === undefined) {
      this.#policies.delete(key);
      take(this.#policiesByNamespace, namespace, key);
    } else {
      this.#policies.set(key, policy);
      put(this.#policiesByNamespace, namespace, key);
    }
    // Profiles are kept by the keys of policies, whose content is another one now.
    this.#known.clear();
    for (const id of this.#localsByNamespace.get(namespace) ?? none) this.#dirty.add(id);
  }

  setLocal(id: string, pod: LocalPod | undefined): void {
    const old = this.#locals.get(id);
    const namespaceOf = ({ key }: LocalPod): string => key.slice(0, key.indexOf('/'));
    if (old !== undefined) {
      take(this.#localsByKey, old.key, id);
      take(this.#localsByNamespace, namespaceOf(old), id);
      this.#locals.delete(id);
      if (pod === undefined) this.#remembered.delete(id);
    }
    if (pod !== undefined) {
      this.#locals.set(id, pod);
      put(this.#localsByKey, pod.key, id);
      put(this.#localsByNamespace, namespaceOf(pod), id);
    }
    this.#dirty.add(id);
    for (const one of [old, pod]) if (one !== undefined) this.#podSets.podChanged(namespaceOf(one), one.key);
  }

  isolates(id: string): boolean {
    const local = this.#locals.get(id);
    const { ingress, egress } = this.#wantedFor(id, this.#ofFamily(local?.ips ?? []));
    return ingress !== undefined || egress !== undefined;
  }

  hasPod(key: string, uid: string): boolean {
    return this.#pods.get(key)?.uids.includes(uid) ?? false;
  }

  takeChanges(): PolicyChanges {
    for (const id of this.#dirty) this.#assign(id);
    this.#dirty.clear();
    const changes = this.#pending;
    this.#pending = nothing();
    if (changes.shrunk.size > 0) this.#narrowUsers(changes);
    return changes;
  }

  #ofFamily(ips: readonly string[]): string[] {
    return ips.filter((ip) => familyOf(ip) === this.#family);
  }

  /** What the node itself gave its pods is known before the API says so, and for longer. */
  #ipsOf(pod: PodFacts): readonly string[] {
    const own = [...(this.#localsByKey.get(pod.key) ?? none)]
      .flatMap((id) => this.#locals.get(id) ?? [])
      .filter(({ uid }) => pod.uids.includes(uid));
    return this.#ofFamily(own.length > 0 ? own.flatMap(({ ips }) => ips) : pod.ips);
  }

  #memberChanged(set: string, key: string, isThere: boolean): void {
    put(this.#pending.members, set, key);
    if (!isThere) this.#pending.shrunk.add(set);
  }

  /** Pods whose profile asks a set that lost a member. */
  #narrowUsers({ shrunk, narrowed }: Pending): void {
    for (const direction of directions) {
      for (const [ip, { profile }] of this.#isolated[direction]) {
        const lines = this.#profiles.get(profile)?.lines ?? [];
        if (lines.some((line) => setsOf(line).some((set) => shrunk.has(set)))) narrowed.add(ip);
      }
    }
  }

  #profileFor(pod: PodFacts, direction: Direction): WantedProfile | undefined {
    const keys = [...(this.#policiesByNamespace.get(pod.namespace) ?? none)].sort();
    const policies = keys
      .flatMap((key) => this.#policies.get(key) ?? [])
      .filter((policy) => policy[direction] !== undefined && policy.selects(pod.labels));
    if (policies.length === 0) return undefined;
    const id = JSON.stringify([direction, policies.map(({ key }) => key), namedPortsOf({ direction, policies, pod })]);
    const found = this.#known.get(id) ?? profileOf({ direction, family: this.#family, policies, pod });
    this.#known.set(id, found);
    return found;
  }

  /** What a pod of this node shall have; nothing while the API does not know it. */
  #wantedFor(id: string, ips: readonly string[]): Record<Direction, WantedProfile | undefined> {
    const local = this.#locals.get(id);
    const known = local === undefined ? undefined : this.#pods.get(local.key);
    if (known !== undefined && local !== undefined && known.uids.includes(local.uid)) this.#remembered.set(id, known);
    const pod = this.#remembered.get(id);
    if (local === undefined || pod === undefined || ips.length === 0) return { ingress: undefined, egress: undefined };
    return { ingress: this.#profileFor(pod, 'ingress'), egress: this.#profileFor(pod, 'egress') };
  }

  #assign(id: string): void {
    const local = this.#locals.get(id);
    const ips = this.#ofFamily(local?.ips ?? []);
    const wanted = this.#wantedFor(id, ips);
    const before = this.#given.get(id);
    for (const direction of directions) {
      // What is new is taken before what was goes, so that a set which both ask stays.
      if (wanted[direction] !== undefined) this.#acquire(wanted[direction]);
      for (const ip of before?.ips ?? []) if (!ips.includes(ip)) this.#isolate(direction, ip, undefined);
      this.#isolateAll(direction, local?.key ?? '', ips, wanted[direction]);
      if (before !== undefined) this.#leave(before.profiles[direction], nameOf(wanted[direction]), ips);
    }
    const profiles = { ingress: nameOf(wanted.ingress), egress: nameOf(wanted.egress) };
    if (local === undefined) this.#given.delete(id);
    else this.#given.set(id, { ips, profiles });
  }

  /** Gives up the profile of before; another one than that may forbid what was allowed. */
  #leave(old: string, now: string, ips: readonly string[]): void {
    if (now !== '' && now !== old) for (const ip of ips) this.#pending.narrowed.add(ip);
    if (old !== '') this.#release(old);
  }

  #isolateAll(direction: Direction, pod: string, ips: readonly string[], wanted: WantedProfile | undefined): void {
    const isolation = wanted === undefined ? undefined : { pod, profile: wanted.profile.name };
    for (const ip of ips) this.#isolate(direction, ip, isolation);
  }

  #isolate(direction: Direction, ip: string, isolation: Isolation | undefined): void {
    const map = this.#isolated[direction];
    const found = map.get(ip);
    if (found?.profile === isolation?.profile && found?.pod === isolation?.pod) return;
    if (isolation === undefined) map.delete(ip);
    else map.set(ip, isolation);
    this.#pending.isolated[direction].add(ip);
  }

  #acquire(wanted: WantedProfile): void {
    const { profile, podSets, fixedSets } = wanted;
    const found = this.#liveProfiles.get(profile.name);
    if (found !== undefined) {
      found.users += 1;
      return;
    }
    this.#liveProfiles.set(profile.name, { wanted, users: 1 });
    this.#profiles.set(profile.name, profile);
    this.#pending.profiles.add(profile.name);
    for (const set of podSets) {
      if (!this.#podSets.acquire(set)) continue;
      const live = this.#podSets.get(set.name);
      if (live !== undefined) this.#sets.set(set.name, live);
      this.#pending.sets.add(set.name);
    }
    for (const set of fixedSets) this.#acquireFixed(set);
  }

  #acquireFixed(set: BlockSet | PortSet): void {
    const users = this.#fixedSetUsers.get(set.name) ?? 0;
    this.#fixedSetUsers.set(set.name, users + 1);
    if (users > 0) return;
    this.#sets.set(set.name, set);
    this.#pending.sets.add(set.name);
  }

  #release(name: string): void {
    const live = this.#liveProfiles.get(name);
    if (live === undefined || (live.users -= 1) > 0) return;
    this.#liveProfiles.delete(name);
    this.#profiles.delete(name);
    this.#pending.profiles.add(name);
    for (const set of live.wanted.podSets) if (this.#podSets.release(set)) this.#drop(set.name);
    for (const set of live.wanted.fixedSets) {
      const users = (this.#fixedSetUsers.get(set.name) ?? 1) - 1;
      if (users > 0) this.#fixedSetUsers.set(set.name, users);
      else {
        this.#fixedSetUsers.delete(set.name);
        this.#drop(set.name);
      }
    }
  }

  #drop(set: string): void {
    this.#sets.delete(set);
    this.#pending.sets.add(set);
    this.#pending.members.delete(set);
  }
}
