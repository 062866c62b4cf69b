/** Fetches an image from its registry into a folder: only what is not here yet, each part checked against its digest. */
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PullOptions } from '../contract.ts';
import { digestHex } from './digest.ts';
import { isForThisMachine, withConfig, type ArchivedImage } from './manifests.ts';
import { downloadBlob, type BlobDescriptor } from './pull-blob.ts';
import { PullError } from './pull-error.ts';
import { Repository, type RawManifest } from './pull-registry.ts';
import { tagName, type ImageReference } from './reference.ts';

const maxLayers = 500;
const maxImageBytes = 128 * 2 ** 30;
const layersAtOnce = 3;

/** What is here already. */
export interface Present {
  /** The ID of the image that `name@digest` stands for. */
  idOf(name: string): string | undefined;
  /** The ID of the image that has this tag now. */
  tagged(tag: string): string | undefined;
  hasLayer(diffId: string): boolean;
}

/** `image` is missing when the registry's answer is what is here. */
export interface FetchedImage {
  readonly id: string;
  readonly image: ArchivedImage | undefined;
}

interface Descriptor extends BlobDescriptor {
  readonly platform?: { readonly os?: string; readonly architecture?: string };
}

interface Manifest {
  readonly schemaVersion?: number;
  readonly manifests?: readonly Descriptor[];
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
}

/** Rejects with a PullError; what it left in `folder` is the caller's to remove. */
export async function fetchImage(
  reference: ImageReference,
  options: PullOptions,
  present: Present,
  folder: string,
): Promise<FetchedImage> {
  const repository = new Repository(reference.repository, options);
  try {
    const known = await whatIsHere(repository, reference, present);
    if (known !== undefined) return { id: known, image: undefined };
    const top = await repository.manifest(reference.digest ?? reference.tag ?? 'latest');
    const same = present.idOf(`${reference.repository}@${top.digest}`);
    if (same !== undefined) return { id: same, image: undefined };
    const own = await forThisMachine(repository, top);
    const { config, layers } = checked(own.manifest);
    const configBytes = await repository.smallBlob(config.digest);
    const files = layers.map(({ digest }) => ({ file: join(folder, digestHex(digest)), digest }));
    const image = withConfig(configBytes, files);
    await fetchLayers(repository, layers, image, present, options);
    const digests = own.raw.digest === top.digest ? [] : [top.digest];
    const name = reference.digest === undefined ? tagName(reference) : `${reference.repository}@${reference.digest}`;
    return { id: image.id, image: { ...image, manifest: own.raw, indexDigests: digests, names: [name] } };
  } finally {
    repository.close();
  }
}

/** A tag that stands for what it stood for costs one question without an answer's body. */
async function whatIsHere(
  repository: Repository,
  reference: ImageReference,
  present: Present,
): Promise<string | undefined> {
  if (reference.digest !== undefined || present.tagged(tagName(reference)) === undefined) return undefined;
  const digest = await repository.digestOfTag(reference.tag ?? 'latest');
  return digest === undefined ? undefined : present.idOf(`${reference.repository}@${digest}`);
}

async function forThisMachine(
  repository: Repository,
  top: RawManifest,
): Promise<{ readonly raw: RawManifest; readonly manifest: Manifest }> {
  let raw = top;
  for (let depth = 0; depth < 3; depth++) {
    const manifest = parse(raw.bytes);
    if (manifest.manifests === undefined) return { raw, manifest };
    const entry = manifest.manifests.find(isForThisMachine);
    if (entry === undefined) throw new PullError('there is none for this kind of machine', 'notFound');
    digestHex(entry.digest);
    raw = await repository.manifest(entry.digest);
  }
  throw new PullError('indexes within indexes, too deep', 'other');
}

function parse(bytes: Buffer): Manifest {
  try {
    const value = JSON.parse(bytes.toString()) as Manifest | null;
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // told below
  }
  throw new PullError('the registry sent no manifest', 'other');
}

/** A manifest that can be worked with: digests are digests and sizes are sizes, within bounds. */
function checked({ schemaVersion, config, layers }: Manifest): { config: Descriptor; layers: readonly Descriptor[] } {
  if (schemaVersion === 1) throw new PullError('its manifest is of schema 1, which no tool reads any more', 'other');
  if (config === undefined || !Array.isArray(layers) || layers.length > maxLayers)
    throw new PullError('its manifest is that of no container image', 'other');
  const sizes = (layers as readonly Descriptor[]).map(({ digest, size }) => {
    digestHex(digest);
    if (!Number.isSafeInteger(size) || size < 0) throw new PullError('a layer has no size', 'other');
    return size;
  });
  if (sizes.reduce((sum, size) => sum + size, 0) > maxImageBytes)
    throw new PullError(`it is larger than ${maxImageBytes} bytes`, 'other');
  return { config, layers };
}

/** A layer whose content is here gets a file of holes in its place, which the store does not read. */
async function fetchLayers(
  repository: Repository,
  layers: readonly Descriptor[],
  image: Pick<ArchivedImage, 'diffIds' | 'layers'>,
  present: Present,
  options: PullOptions,
): Promise<void> {
  const wanted = new Map<string, Descriptor>();
  for (const [at, layer] of layers.entries()) {
    const file = image.layers[at]?.file ?? '';
    if (!present.hasLayer(image.diffIds[at] ?? '')) wanted.set(file, layer);
    else if (!wanted.has(file)) await writeFile(file, '', { mode: 0o600 }).then(() => truncate(file, layer.size));
  }
  const totalBytes = [...wanted.values()].reduce((sum, { size }) => sum + size, 0);
  let doneBytes = 0;
  const onBytes = (count: number): void => {
    doneBytes += count;
    options.onProgress?.({ doneBytes, totalBytes });
  };
  const queue = [...wanted];
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift())
      await downloadBlob(repository, next[1], next[0], onBytes);
  };
  try {
    const workers = Array.from({ length: layersAtOnce }, work);
    await Promise.all(workers).catch(async (error: unknown) => {
      queue.length = 0;
      repository.close();
      await Promise.allSettled(workers); // nobody writes into the folder any more
      throw error;
    });
  } finally {
    queue.length = 0;
  }
}
