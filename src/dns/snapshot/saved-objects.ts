/** What a file says the cluster was, to be looked up like the cluster itself. No IO. */
import type { IndexSet } from '../../api/index-set.ts';
import { silentLogger } from '../../api/logger.ts';
import { Mirror } from '../../api/mirror.ts';
import type { EndpointSlice, Namespace, Pod, Service } from '../../api/types.gen.ts';
import { podIndexes, serviceIndexes, sliceIndexes } from '../kept-parts.ts';
import type { ClusterObjects } from '../zone/cluster-objects.ts';

export type SavedLine =
  | { readonly kind: 'Service'; readonly object: Service }
  | { readonly kind: 'EndpointSlice'; readonly object: EndpointSlice }
  | { readonly kind: 'Namespace'; readonly object: Namespace }
  | { readonly kind: 'Pod'; readonly object: Pod };

export class SavedObjects implements ClusterObjects {
  readonly #services = new Mirror<Service>(silentLogger);
  readonly #slices = new Mirror<EndpointSlice>(silentLogger);
  readonly #namespaces = new Mirror<Namespace>(silentLogger);
  readonly #pods = new Mirror<Pod>(silentLogger);
  readonly #byService: IndexSet<Service> = this.#services.addIndexes(serviceIndexes);
  readonly #bySlice: IndexSet<EndpointSlice> = this.#slices.addIndexes(sliceIndexes);
  readonly #byPod: IndexSet<Pod> = this.#pods.addIndexes(podIndexes);

  add(line: SavedLine): void {
    switch (line.kind) {
      case 'Service':
        return this.#services.put(line.object);
      case 'EndpointSlice':
        return this.#slices.put(line.object);
      case 'Namespace':
        return this.#namespaces.put(line.object);
      case 'Pod':
        return this.#pods.put(line.object);
    }
  }

  service(namespace: string, name: string): Service | undefined {
    return this.#services.get(`${namespace}/${name}`);
  }

  hasNamespace(name: string): boolean {
    return this.#namespaces.get(name) !== undefined;
  }

  slicesOf(namespace: string, name: string): readonly EndpointSlice[] {
    return this.#bySlice.get('service', `${namespace}/${name}`);
  }

  servicesAt(ip: string): readonly Service[] {
    return this.#byService.get('ip', ip);
  }

  slicesAt(ip: string): readonly EndpointSlice[] {
    return this.#bySlice.get('ip', ip);
  }

  namespaceOf(ip: string): string | undefined {
    return this.#byPod.get('ip', ip)[0]?.metadata.namespace;
  }
}
