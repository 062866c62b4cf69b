/** Who is in the sets of pods that some profile asks: kept pod by pod, and only for those sets. */
import type { Labels } from '../../../api/selectors.ts';
import type { PodFacts } from './facts.ts';
import type { WantedPodSet } from './profile.ts';
import { memberKey, protocolNumbers, type Member, type PodSet } from './table.ts';

/** The cluster as it is known. */
export interface Cluster {
  pod(key: string): PodFacts | undefined;
  /** Keys of the pods of a namespace; of all when none is named. */
  podsOf(namespace: string | undefined): Iterable<string>;
  namespaceLabels(namespace: string): Labels;
  hasNamespace(namespace: string): boolean;
  /** Addresses of this family. */
  ipsOf(pod: PodFacts): readonly string[];
}

/** Told of each member that comes or goes. */
export type OnMember = (set: string, key: string, isThere: boolean) => void;

interface LiveSet {
  readonly wanted: WantedPodSet;
  readonly members: Map<string, Member>;
  /** Keys of members by the pod that they are of. */
  readonly byPod: Map<string, readonly string[]>;
  users: number;
}

export class PodSets {
  readonly #cluster: Cluster;
  readonly #onMember: OnMember;
  readonly #live = new Map<string, LiveSet>();
  /** Sets by the one namespace that they look at; `undefined` for those that look at many. */
  readonly #byNamespace = new Map<string | undefined, Set<LiveSet>>();

  constructor(cluster: Cluster, onMember: OnMember) {
    this.#cluster = cluster;
    this.#onMember = onMember;
  }

  get(name: string): PodSet | undefined {
    const live = this.#live.get(name);
    if (live === undefined) return undefined;
    const { wanted, members } = live;
    return { kind: wanted.port === undefined ? 'pods' : 'named-ports', name, about: wanted.about, members };
  }

  /** True when the set was not there before. */
  acquire(wanted: WantedPodSet): boolean {
    const found = this.#live.get(wanted.name);
    if (found !== undefined) {
      found.users += 1;
      return false;
    }
    const live: LiveSet = { wanted, members: new Map(), byPod: new Map(), users: 1 };
    this.#live.set(wanted.name, live);
    const { namespace } = wanted.selection;
    const ofNamespace = this.#byNamespace.get(namespace) ?? new Set();
    this.#byNamespace.set(namespace, ofNamespace.add(live));
    for (const key of this.#cluster.podsOf(namespace)) this.#look(live, key, () => undefined);
    return true;
  }

  /** True when nobody asks it any more, and it is gone. */
  release({ name, selection: { namespace } }: WantedPodSet): boolean {
    const live = this.#live.get(name);
    if (live === undefined || (live.users -= 1) > 0) return false;
    this.#live.delete(name);
    const ofNamespace = this.#byNamespace.get(namespace);
    ofNamespace?.delete(live);
    if (ofNamespace?.size === 0) this.#byNamespace.delete(namespace);
    return true;
  }

  /** Something of this pod is otherwise. */
  podChanged(namespace: string, key: string): void {
    for (const live of this.#byNamespace.get(namespace) ?? []) this.#look(live, key, this.#onMember);
    for (const live of this.#byNamespace.get(undefined) ?? []) this.#look(live, key, this.#onMember);
  }

  namespaceChanged(namespace: string): void {
    const sets = this.#byNamespace.get(undefined);
    if (sets === undefined) return;
    for (const key of this.#cluster.podsOf(namespace)) for (const live of sets) this.#look(live, key, this.#onMember);
  }

  #membersOf({ selection, port }: WantedPodSet, key: string): Member[] {
    const pod = this.#cluster.pod(key);
    if (pod === undefined || !selection.pods(pod.labels)) return [];
    if (selection.namespace === undefined) {
      if (!this.#cluster.hasNamespace(pod.namespace)) return [];
      if (!selection.namespaces(this.#cluster.namespaceLabels(pod.namespace))) return [];
    } else if (selection.namespace !== pod.namespace) return [];
    const ips = this.#cluster.ipsOf(pod);
    if (port === undefined) return ips.map((ip) => ({ ip, pod: key }));
    const found = pod.ports.find(({ name, protocol }) => name === port.name && protocol === port.protocol);
    const protocol = protocolNumbers[port.protocol];
    if (found === undefined || protocol === undefined) return [];
    return ips.map((ip) => ({ ip, port: { protocol, first: found.port, last: found.port }, pod: key }));
  }

  #look(live: LiveSet, pod: string, onMember: OnMember): void {
    const { wanted, members, byPod } = live;
    const wantedMembers = new Map(this.#membersOf(wanted, pod).map((member) => [memberKey(member), member]));
    const before = byPod.get(pod) ?? [];
    for (const key of before) {
      // An address that another pod has taken over meanwhile is that one's.
      if (wantedMembers.has(key) || members.get(key)?.pod !== pod) continue;
      members.delete(key);
      onMember(wanted.name, key, false);
    }
    for (const [key, member] of wantedMembers) {
      if (members.get(key)?.pod === pod) continue;
      members.set(key, member);
      onMember(wanted.name, key, true);
    }
    if (wantedMembers.size === 0) byPod.delete(pod);
    else byPod.set(pod, [...wantedMembers.keys()]);
  }
}
