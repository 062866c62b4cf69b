/** The objects that names are made of, in memory: those of the API, and until it was heard those of a file. */
import { keyOf, type Change, type Informer, type InformerFactory } from '../api/informer.ts';
import { endpointSlices, namespaces, pods, services } from '../api/resources.ts';
import type { EndpointSlice, Namespace, Pod, Service } from '../api/types.gen.ts';
import { ChangeStamps, type Freshness } from './change-stamps.ts';
import {
  keepOfNamespace,
  keepOfPod,
  keepOfService,
  keepOfSlice,
  podIndexes,
  serviceIndexes,
  serviceOfSlice,
  sliceIndexes,
} from './kept-parts.ts';
import type { SavedObjects } from './snapshot/saved-objects.ts';
import type { ClusterObjects } from './zone/cluster-objects.ts';

/** The lists that a snapshot is made of. */
export interface ObjectLists {
  readonly services: readonly Service[];
  readonly endpointslices: readonly EndpointSlice[];
  readonly namespaces: readonly Namespace[];
  readonly pods: readonly Pod[];
}

export interface DnsObjects extends ClusterObjects {
  /** Resolves when all of them are known. */
  readonly synced: Promise<void>;
  /** Whether the server is heard, so that what is not here is not there. */
  isCurrent(): boolean;
  /** Grows with every change that a name can show. */
  generation(): number;
  readonly freshness: Freshness;
  /** The namespace of the pod with this address. */
  namespaceOf(ip: string): string | undefined;
  lists(): ObjectLists;
}

type Source = ClusterObjects & Pick<DnsObjects, 'namespaceOf'>;

interface Informers {
  readonly services: Informer<Service>;
  readonly slices: Informer<EndpointSlice>;
  readonly namespaces: Informer<Namespace>;
  readonly pods: Informer<Pod> | undefined;
}

/** Objects that are in memory as a whole at once, before most of each is dropped. */
const pageSize = 500;

function informersOf(factory: InformerFactory, withPods: boolean): Informers {
  return {
    services: factory.informer(services, { keep: keepOfService, indexes: serviceIndexes, pageSize }),
    slices: factory.informer(endpointSlices, { keep: keepOfSlice, indexes: sliceIndexes, pageSize }),
    namespaces: factory.informer(namespaces, { keep: keepOfNamespace }),
    pods: withPods ? factory.informer(pods, { keep: keepOfPod, indexes: podIndexes, pageSize }) : undefined,
  };
}

const sourceOf = (known: Informers): Source => ({
  service: (namespace, name) => known.services.get(`${namespace}/${name}`),
  hasNamespace: (name) => known.namespaces.get(name) !== undefined,
  slicesOf: (namespace, name) => known.slices.byIndex('service', `${namespace}/${name}`),
  servicesAt: (ip) => known.services.byIndex('ip', ip),
  slicesAt: (ip) => known.slices.byIndex('ip', ip),
  namespaceOf: (ip) => known.pods?.byIndex('ip', ip)[0]?.metadata.namespace,
});

const isSame = <T>({ object, previous }: Change<T>): boolean =>
  previous !== undefined && JSON.stringify(object) === JSON.stringify(previous);

class InformedObjects implements DnsObjects {
  readonly synced: Promise<void>;
  readonly #informers: Informers;
  readonly #stamps = new ChangeStamps();
  #source: Source;
  #generation = 1;
  #epoch = 0;

  constructor(informers: Informers, saved: SavedObjects | undefined) {
    this.#informers = informers;
    const live = sourceOf(informers);
    this.#source = saved ?? live;
    const { services: ofServices, slices, namespaces: ofNamespaces, pods: ofPods } = informers;
    ofServices.onChange((change) => this.#changed(change, keyOf(change.object)));
    slices.onChange((change) => this.#sliceChanged(change));
    ofNamespaces.onChange(({ type }) => {
      if (type !== 'updated') this.#allChanged();
    });
    const all = [ofServices, slices, ofNamespaces, ...(ofPods === undefined ? [] : [ofPods])];
    this.synced = Promise.all(all.map(({ synced }) => synced)).then(() => {
      this.#source = live;
      this.#allChanged();
    });
  }

  readonly freshness: Freshness = {
    // What was remembered while the server was not heard is not true any longer when it is, and the other way round.
    epoch: () => this.#epoch * 2 + Number(this.isCurrent()),
    slotOf: (service) => this.#stamps.slotOf(service),
    stamp: (slot) => this.#stamps.stamp(slot),
  };

  isCurrent(): boolean {
    const { services: ofServices, slices, namespaces: ofNamespaces } = this.#informers;
    return ofServices.isCurrent && slices.isCurrent && ofNamespaces.isCurrent;
  }

  generation(): number {
    return this.#generation;
  }

  lists(): ObjectLists {
    const { services: ofServices, slices, namespaces: ofNamespaces, pods: ofPods } = this.#informers;
    const own = { services: ofServices.list(), endpointslices: slices.list(), namespaces: ofNamespaces.list() };
    return { ...own, pods: ofPods?.list() ?? [] };
  }

  service(namespace: string, name: string): Service | undefined {
    return this.#source.service(namespace, name);
  }

  hasNamespace(name: string): boolean {
    return this.#source.hasNamespace(name);
  }

  slicesOf(namespace: string, name: string): readonly EndpointSlice[] {
    return this.#source.slicesOf(namespace, name);
  }

  servicesAt(ip: string): readonly Service[] {
    return this.#source.servicesAt(ip);
  }

  slicesAt(ip: string): readonly EndpointSlice[] {
    return this.#source.slicesAt(ip);
  }

  namespaceOf(ip: string): string | undefined {
    return this.#source.namespaceOf(ip);
  }

  /** Endpoints of a Service that has an address of its own are seen in no name. */
  #sliceChanged(change: Change<EndpointSlice>): void {
    const names = new Set([change.object, change.previous ?? change.object].map(serviceOfSlice));
    for (const name of names) {
      const service = this.#informers.services.get(name);
      if (service === undefined || service.spec?.clusterIP === 'None') this.#changed(change, name);
    }
  }

  #changed<T extends { metadata: Service['metadata'] }>(change: Change<T>, service: string): void {
    if (isSame(change)) return;
    this.#grow();
    this.#stamps.touch(service);
  }

  #allChanged(): void {
    this.#grow();
    this.#epoch += 1;
  }

  #grow(): void {
    this.#generation = (this.#generation % 0xffff_ffff) + 1;
  }
}

/** Looks into the informers each time; `withPods`: to walk the search list of pods, at the price of knowing them all. */
export function createDnsObjects(
  factory: InformerFactory,
  { withPods, saved }: { readonly withPods: boolean; readonly saved?: SavedObjects | undefined },
): DnsObjects {
  return new InformedObjects(informersOf(factory, withPods), saved);
}
