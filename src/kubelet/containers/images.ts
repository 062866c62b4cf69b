/** The image of a container: here, to be pulled, or why not. Reasons and messages as the field knows them. */
import type { ApiClient } from '../../api/client.ts';
import type { Container, Pod } from '../../api/types.gen.ts';
import type { ImageInfo, ImageService } from '../../runtime/contract.ts';
import { credentialsFor } from '../../runtime/images/docker-config.ts';
import { parseReference, tagName } from '../../runtime/images/reference.ts';
import { raise, waitUntil, type BackOffEntry } from '../pods/back-off.ts';
import { ContainerError } from './config-error.ts';
import { pullSecrets } from './pull-secrets.ts';
import type { PodEvents } from '../pods/pod-events.ts';

export interface ImageManager {
  /** Resolves with the image once it is in the store; rejects with a ContainerError (ErrImagePull, ImagePullBackOff, ErrImageNeverPull …). */
  ensure(pod: Pod, container: Container): Promise<ImageInfo>;
  forget(podUid: string): void;
}

export interface ImageManagerOptions {
  readonly images: ImageService;
  /** Reads the Secrets that a pod names for its registries. */
  readonly client: ApiClient;
  readonly events: PodEvents;
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
    const { events } = this.#options;
    const policy = pullPolicy(container);
    const name = this.#fullName(pod, image);
    const here = await this.#inspect(image);
    if (here !== undefined && (policy !== 'Always' || isImported(here, name))) {
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

  #fullName(pod: Pod, image: string): string {
    try {
      return tagName(parseReference(image));
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      const message = `Failed to apply default image tag "${image}": couldn't parse image name "${image}": ${text}`;
      this.#options.events.warning(pod, 'InspectFailed', message);
      throw new ContainerError('InvalidImageName', message, { cause: error });
    }
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
    const { events } = this.#options;
    const uid = pod.metadata.uid ?? '';
    const ofPod = this.#failures.get(uid) ?? new Map<string, Failure>();
    this.#failures.set(uid, ofPod);
    const last = ofPod.get(image);
    if (last !== undefined && waitUntil(last.entry, last.atMs, this.#now()) !== undefined) {
      const message = `Back-off pulling image "${image}"`;
      events.normal(pod, 'BackOff', message);
      throw new ContainerError('ImagePullBackOff', `${message}: ErrImagePull: ${last.message}`);
    }
    try {
      events.normal(pod, 'Pulling', `Pulling image "${image}"`);
      const begin = this.#now();
      const info = await this.#pullAsAnybody(pod, image);
      ofPod.delete(image);
      const took = seconds(this.#now() - begin);
      events.normal(
        pod,
        'Pulled',
        `Successfully pulled image "${image}" in ${took} (${took} including waiting). Image size: ${info.sizeBytes} bytes.`,
      );
      return info;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const now = this.#now();
      ofPod.set(image, { entry: raise(last?.entry, last?.atMs ?? now, now), atMs: now, message });
      events.warning(pod, 'Failed', `Failed to pull image "${image}": ${message}`);
      throw new ContainerError('ErrImagePull', message, { cause: error });
    }
  }

  /** As each of those that the pod's Secrets name for this registry, in turn; anonymously when they name none. */
  async #pullAsAnybody(pod: Pod, image: string): Promise<ImageInfo> {
    const reference = withTag(image);
    const { images, client } = this.#options;
    const [first, ...others] = credentialsFor(await pullSecrets(client, pod), reference);
    try {
      return await images.pullImage(reference, { credentials: first });
    } catch (error) {
      const failures: unknown[] = [error];
      for (const credentials of others) {
        try {
          return await images.pullImage(reference, { credentials });
        } catch (again) {
          failures.push(again);
        }
      }
      if (failures.length === 1) throw error;
      const messages = new Set(failures.map((each) => (each instanceof Error ? each.message : String(each))));
      throw new Error([...messages].join('; '), { cause: error });
    }
  }
}

/** What somebody imported by hand stands for itself: a lab without a way to any registry runs it, whatever the tag. */
function isImported(here: ImageInfo, name: string): boolean {
  return here.importedTags?.includes(name) === true;
}

/** As Go writes a duration: `812ms`, `1.5s`, `1m2.5s`. */
function seconds(ms: number): string {
  if (ms < 1000) return `${ms}ms`;
  const minutes = Math.floor(ms / 60_000);
  return `${minutes > 0 ? `${minutes}m` : ''}${(ms % 60_000) / 1000}s`;
}

/** One for the node; remembers failures per pod. */
export function createImageManager(options: ImageManagerOptions): ImageManager {
  return new Images(options);
}
