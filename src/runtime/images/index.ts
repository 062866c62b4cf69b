import { existsSync } from 'node:fs';
import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../../api/logger.ts';
import type { Exec } from '../../kernel/exec.ts';
import type { ImageInfo, ImageService, PullOptions } from '../contract.ts';
import { reasonOf, RuntimeError } from '../errors.ts';
import { openArchive } from './archive.ts';
import { imagesIn, type ArchivedImage, type ImageConfig } from './manifests.ts';
import { pullErrorAt } from './pull-error.ts';
import { inLane } from './pull-lane.ts';
import { fetchImage, type FetchedImage, type Present } from './pull.ts';
import { imageIdOf, parseReference, tagName, type ImageReference } from './reference.ts';
import { ImageStore, type ImageRecord, type StoreIndex } from './store.ts';
import { unpackLayer } from './layer-unpack.ts';

/** What a container stands on. */
export interface ImageRootfs {
  readonly config: ImageConfig;
  /** Unpacked layers, the top one first. Never empty. */
  readonly layers: readonly string[];
  /** The name the image is best known by. */
  readonly name: string;
}

/** The store with what only the runtime on top of it needs. */
export interface ContainerImages extends ImageService {
  /** Keeps the image's layers for a container until released, also when the image is removed meanwhile. Rejects when it is not here. */
  hold(imageId: string, node: string, holder: string): Promise<ImageRootfs>;
  release(node: string, holder: string): Promise<void>;
  /** Who holds layers for this node. */
  holders(node: string): Promise<readonly string[]>;
}

/** Opens the image store in `dir`, which any number of processes may share. */
export function createImageService(options: {
  readonly dir: string;
  readonly exec: Exec;
  readonly logger: Logger;
}): ContainerImages {
  return new StoredImages(new ImageStore(options.dir), options.logger);
}

class StoredImages implements ContainerImages {
  readonly #store: ImageStore;
  readonly #logger: Logger;

  constructor(store: ImageStore, logger: Logger) {
    this.#store = store;
    this.#logger = logger;
  }

  async imageStatus(reference: string): Promise<ImageInfo | undefined> {
    const index = await this.#store.index();
    const id = resolve(index, reference);
    const record = id === undefined ? undefined : index.images[id];
    return record === undefined ? undefined : infoOf(index, record);
  }

  async listImages(): Promise<readonly ImageInfo[]> {
    const index = await this.#store.index();
    return Object.values(index.images).map((record) => infoOf(index, record));
  }

  async importArchive(path: string, options: { readonly tag?: string } = {}): Promise<readonly ImageInfo[]> {
    const tag = options.tag === undefined ? undefined : tagName(parseReference(options.tag));
    try {
      return await this.#import(path, tag);
    } catch (error) {
      throw new RuntimeError(`importing ${path}: ${reasonOf(error)}`, { cause: error });
    }
  }

  #import(path: string, tag: string | undefined): Promise<readonly ImageInfo[]> {
    return this.#store.change(async (before, work) => {
      const images = await imagesIn(await openArchive(path, join(work, 'archive')));
      if (images.length === 0) throw new Error('it holds no image for this machine');
      if (tag !== undefined && images.length > 1)
        throw new Error(`it holds ${images.length} images: one name does not fit all`);
      let index = before;
      for (const image of images) index = await this.#importImage(index, image, tag, work);
      const records = images.map((image) => index.images[image.id]).filter((record) => record !== undefined);
      const names = images.flatMap((image) => (tag === undefined ? image.names.map(fullName) : [tag]));
      index = { ...index, pulled: (index.pulled ?? []).filter((name) => !names.includes(name)) };
      return { index, value: [...new Set(records)].map((record) => infoOf(index, record)) };
    });
  }

  async pullImage(text: string, options: PullOptions = {}): Promise<ImageInfo> {
    const reference = parseReference(text);
    try {
      return await inLane(this.#store.dir, reference.repository, (folder) => this.#pull(reference, options, folder));
    } catch (error) {
      options.signal?.throwIfAborted();
      throw pullErrorAt(`pulling ${text}`, error);
    }
  }

  async removeImage(reference: string): Promise<void> {
    await this.#store.change(async (index) => ({ index: without(index, reference), value: undefined }));
  }

  async hold(imageId: string, node: string, holder: string): Promise<ImageRootfs> {
    const index = await this.#store.index();
    const record = index.images[imageId];
    if (record === undefined) throw new Error(`the image ${imageId} is not in the image store`);
    await this.#store.lease(node, holder, record.diffIds);
    const text = await readFile(this.#store.blobPath(record.id), 'utf8');
    const { config = {} } = JSON.parse(text) as { readonly config?: ImageConfig };
    const layers = record.diffIds.map((diffId) => this.#store.layerFolder(diffId)).reverse();
    return { config, layers, name: infoOf(index, record).tags[0] ?? record.digests[0] ?? record.id };
  }

  async release(node: string, holder: string): Promise<void> {
    await this.#store.release(node, holder);
  }

  async holders(node: string): Promise<readonly string[]> {
    return this.#store.leasesOf(node);
  }

  async #pull(reference: ImageReference, options: PullOptions, folder: string): Promise<ImageInfo> {
    const index = await this.#store.index();
    const fetched = await fetchImage(reference, options, this.#present(index), folder);
    options.signal?.throwIfAborted();
    const record = index.images[fetched.id];
    if (fetched.image === undefined && record !== undefined && isPulled(index, reference, fetched.id))
      return infoOf(index, record);
    return this.#store.change(async (before, work) => this.#keep(before, fetched, reference, work));
  }

  async #keep(
    before: StoreIndex,
    { id, image }: FetchedImage,
    reference: ImageReference,
    work: string,
  ): Promise<{ readonly index: StoreIndex; readonly value: ImageInfo }> {
    const after = image === undefined ? before : await this.#importImage(before, image, undefined, work);
    const record = after.images[id];
    if (record === undefined) throw new Error('it was removed while it was asked for');
    const index = reference.digest === undefined ? withPulledTag(after, tagName(reference), id) : after;
    return { index, value: infoOf(index, record) };
  }

  #present(index: StoreIndex): Present {
    return {
      idOf: (name) => Object.values(index.images).find((image) => image.digests.includes(name))?.id,
      tagged: (tag) => index.tags[tag],
      hasLayer: (diffId) => existsSync(this.#store.layerFolder(diffId)),
    };
  }

  async #importImage(
    index: StoreIndex,
    image: ArchivedImage,
    tag: string | undefined,
    work: string,
  ): Promise<StoreIndex> {
    const references = (tag === undefined ? image.names : [tag]).map(parseReference);
    let sizeBytes = image.configBytes.length;
    for (const [at, layer] of image.layers.entries()) {
      sizeBytes += (await stat(layer.file)).size;
      await this.#importLayer(layer, image.diffIds[at] ?? '', work);
    }
    await this.#writeBlob(image.id, image.configBytes, work);
    if (image.manifest !== undefined) await this.#writeBlob(image.manifest.digest, image.manifest.bytes, work);
    this.#logger.info('image imported', { id: image.id, names: references.map(tagName) });
    return withImage(index, image, references, sizeBytes);
  }

  /** Unpacks a layer unless one with the same content is here; it appears under its name only when it is whole. */
  async #importLayer(layer: ArchivedImage['layers'][number], diffId: string, work: string): Promise<void> {
    const folder = this.#store.layerFolder(diffId);
    if (existsSync(folder)) return;
    const fresh = join(work, 'layer');
    const found = await unpackLayer(layer.file, fresh);
    if (found.diffId !== diffId) throw new Error(`a layer's content is ${found.diffId}, the image says ${diffId}`);
    if (layer.digest !== undefined && found.digest !== layer.digest)
      throw new Error(`a layer is ${found.digest}, the manifest says ${layer.digest}`);
    await rename(fresh, folder);
  }

  async #writeBlob(digest: string, bytes: Buffer, work: string): Promise<void> {
    const fresh = join(work, 'blob');
    await writeFile(fresh, bytes, { mode: 0o600, flush: true });
    await rename(fresh, this.#store.blobPath(digest));
  }
}

/** The ID behind a name, a digest or an ID. */
function resolve(index: StoreIndex, text: string): string | undefined {
  const id = imageIdOf(text);
  if (id !== undefined) return index.images[id] === undefined ? undefined : id;
  const reference = parseReference(text);
  if (reference.digest === undefined) return index.tags[tagName(reference)];
  const name = `${reference.repository}@${reference.digest}`;
  return Object.values(index.images).find((image) => image.digests.includes(name))?.id;
}

function infoOf(index: StoreIndex, record: ImageRecord): ImageInfo {
  const tags = Object.keys(index.tags).filter((tag) => index.tags[tag] === record.id);
  const importedTags = tags.filter((tag) => index.pulled?.includes(tag) !== true);
  return { id: record.id, tags, digests: record.digests, sizeBytes: record.sizeBytes, importedTags };
}

function fullName(text: string): string {
  return tagName(parseReference(text));
}

/** Whether the registry's answer changes nothing here. */
function isPulled(index: StoreIndex, reference: ImageReference, id: string): boolean {
  if (reference.digest !== undefined) return true;
  const tag = tagName(reference);
  return index.tags[tag] === id && index.pulled?.includes(tag) === true;
}

function withPulledTag(index: StoreIndex, tag: string, id: string): StoreIndex {
  return {
    ...index,
    tags: { ...index.tags, [tag]: id },
    pulled: [...new Set([...(index.pulled ?? []), tag])],
  };
}

function withImage(
  index: StoreIndex,
  image: ArchivedImage,
  references: readonly ImageReference[],
  sizeBytes: number,
): StoreIndex {
  const digest = image.manifest?.digest;
  const digests = new Set(index.images[image.id]?.digests);
  const ofImage = [...(image.indexDigests ?? []), digest].filter((each) => each !== undefined);
  for (const { repository } of references) for (const each of ofImage) digests.add(`${repository}@${each}`);
  const record: ImageRecord = { id: image.id, diffIds: image.diffIds, sizeBytes, digests: [...digests] };
  const tags = Object.fromEntries(
    references.filter(({ tag }) => tag !== undefined).map((reference) => [tagName(reference), image.id]),
  );
  return { ...index, images: { ...index.images, [image.id]: record }, tags: { ...index.tags, ...tags } };
}

/** An ID takes the image away with all its names; a name only itself, and the image with its last name. */
function without(index: StoreIndex, reference: string): StoreIndex {
  const id = resolve(index, reference);
  if (id === undefined) return index;
  const byId = imageIdOf(reference) !== undefined;
  const name = byId ? undefined : tagName(parseReference(reference));
  const tags = Object.fromEntries(
    Object.entries(index.tags).filter(([tag, target]) => target !== id || (!byId && tag !== name)),
  );
  const isNamed = Object.values(tags).includes(id);
  const images = isNamed
    ? index.images
    : Object.fromEntries(Object.entries(index.images).filter(([key]) => key !== id));
  return { images, tags, pulled: (index.pulled ?? []).filter((tag) => tags[tag] !== undefined) };
}
