/** The image of a container: here, to be pulled, or why not. Reasons and messages as the field knows them. */
import type { Container, Pod } from '../../api/types.gen.ts';
import type { ImageInfo, ImageService } from '../../runtime/contract.ts';
import { raise, waitUntil, type BackOffEntry } from '../pods/back-off.ts';
import { ContainerError } from './config-error.ts';
import type { PodEvents } from '../pods/pod-events.ts';

export interface ImageManager {
  /** Resolves with the image once it is in the store; rejects with a ContainerError (ErrImagePull, ImagePullBackOff, ErrImageNeverPull …). */
  ensure(pod: Pod, container: Container): Promise<ImageInfo>;
  forget(podUid: string): void;
}

export interface ImageManagerOptions {
  readonly images: ImageService;
  readonly events: PodEvents;
  /** Brings an image into the store; without it only images that are there can be used. */
  readonly pull?: ((reference: string, pod: Pod) => Promise<ImageInfo>) | undefined;
  readonly now?: () => number;
}

interface Failure {
  readonly entry: BackOffEntry;
  readonly atMs: number;
  readonly message: string;
}

function withTag(reference: string): string {
  const last = reference.slice(reference.lastIndexOf('/') + 1);
  return last.includes(':') || last.includes('@') ? reference : `${reference}:latest`;
}

/** `Always` for `latest` and for no tag, `IfNotPresent` otherwise, unless the spec says so. */
function pullPolicy({ image = '', imagePullPolicy }: Container): string {
  if (imagePullPolicy !== undefined && imagePullPolicy !== '') return imagePullPolicy;
  return withTag(image).endsWith(':latest') ? 'Always' : 'IfNotPresent';
}

class Images implements ImageManager {
  readonly #options: ImageManagerOptions;
  readonly #now: () => number;
  /** By pod UID and reference. */
  readonly #failures = new Map<string, Map<string, Failure>>();

  constructor(options: ImageManagerOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  async ensure(pod: Pod, container: Container): Promise<ImageInfo> {
    const { image = '' } = container;
    const { events, pull } = this.#options;
    if (image === '')
      throw new ContainerError('InvalidImageName', `Failed to apply default image tag "": couldn't parse image name`);
    const policy = pullPolicy(container);
    const here = await this.#inspect(image);
    if (here !== undefined && (policy !== 'Always' || pull === undefined)) {
      events.normal(pod, 'Pulled', `Container image "${image}" already present on machine`);
      return here;
    }
    if (policy === 'Never') {
      const message = `Container image "${image}" is not present with pull policy of Never`;
      events.warning(pod, 'ErrImageNeverPull', message);
      throw new ContainerError('ErrImageNeverPull', message);
    }
    return this.#pull(pod, image);
  }

  forget(podUid: string): void {
    this.#failures.delete(podUid);
  }

  async #inspect(image: string): Promise<ImageInfo | undefined> {
    try {
      return await this.#options.images.imageStatus(image);
    } catch (error) {
      throw new ContainerError('ImageInspectError', `Failed to inspect image "${image}": ${String(error)}`, {
        cause: error,
      });
    }
  }

  async #pull(pod: Pod, image: string): Promise<ImageInfo> {
    const { events, pull } = this.#options;
    const reference = withTag(image);
    const uid = pod.metadata.uid ?? '';
    const ofPod = this.#failures.get(uid) ?? new Map<string, Failure>();
    this.#failures.set(uid, ofPod);
    const last = ofPod.get(reference);
    if (last !== undefined && waitUntil(last.entry, last.atMs, this.#now()) !== undefined) {
      const message = `Back-off pulling image "${reference}"`;
      events.normal(pod, 'BackOff', message);
      throw new ContainerError('ImagePullBackOff', `${message}: ErrImagePull: ${last.message}`);
    }
    try {
      if (pull === undefined)
        throw new Error(`${reference}: not in this node's image store, and nothing pulls images here`);
      events.normal(pod, 'Pulling', `Pulling image "${reference}"`);
      const begin = this.#now();
      const info = await pull(reference, pod);
      ofPod.delete(reference);
      const took = `${this.#now() - begin}ms`;
      events.normal(
        pod,
        'Pulled',
        `Successfully pulled image "${reference}" in ${took} (${took} including waiting). Image size: ${info.sizeBytes} bytes.`,
      );
      return info;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const now = this.#now();
      ofPod.set(reference, { entry: raise(last?.entry, last?.atMs ?? now, now), atMs: now, message });
      events.warning(pod, 'Failed', `Failed to pull image "${reference}": ${message}`);
      throw new ContainerError('ErrImagePull', message, { cause: error });
    }
  }
}

/** One for the node; remembers failures per pod. */
export function createImageManager(options: ImageManagerOptions): ImageManager {
  return new Images(options);
}
