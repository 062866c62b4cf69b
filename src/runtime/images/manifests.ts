/** What an archive says is in it: OCI image layouts (image-spec 1.1) and `docker save` archives. */
import { arch } from 'node:process';
import type { Archive } from './archive.ts';
import { digestHex, digestOf } from './digest.ts';

/** The parts of an image's config that running it needs (image-spec, config.md). */
export interface ImageConfig {
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly WorkingDir?: string;
  /** `user`, `uid`, `user:group`, … */
  readonly User?: string;
  /** `SIGTERM`, `15` … */
  readonly StopSignal?: string;
  readonly Labels?: Readonly<Record<string, string>>;
}

/** An image as an archive holds it. */
export interface ArchivedImage {
  /** Of the config: the image's ID. */
  readonly id: string;
  readonly configBytes: Buffer;
  /** Of its uncompressed layers, bottom first. */
  readonly diffIds: readonly string[];
  readonly layers: readonly { readonly file: string; readonly digest: string | undefined }[];
  /** The manifest, and its digest; docker archives have none. */
  readonly manifest: { readonly bytes: Buffer; readonly digest: string } | undefined;
  /** Of indexes that led to the manifest: the image is known by them as well. */
  readonly indexDigests?: readonly string[];
  /** Names as written, e.g. `busybox:1`. */
  readonly names: readonly string[];
}

/** Every image for this machine in the archive. Rejects when it is no archive of images, or a part of it is missing or not what its digest says. */
export async function imagesIn(archive: Archive): Promise<ArchivedImage[]> {
  const docker = await archive.json('manifest.json');
  if (docker !== undefined) return dockerImages(archive, docker.value);
  const index = await archive.json('index.json');
  if (index === undefined) throw new Error('neither an OCI layout (index.json) nor a docker archive (manifest.json)');
  return ociImages(archive, index.value as OciIndex, []);
}

interface DockerManifest {
  readonly Config: string;
  readonly RepoTags?: readonly string[] | null;
  readonly Layers: readonly string[];
}

async function dockerImages(archive: Archive, value: unknown): Promise<ArchivedImage[]> {
  if (!Array.isArray(value)) throw new Error('manifest.json is no list');
  const images: ArchivedImage[] = [];
  for (const entry of value as DockerManifest[]) {
    const layers = await Promise.all(
      entry.Layers.map(async (name) => ({ file: await required(archive, name), digest: undefined })),
    );
    const config = await archive.json(entry.Config);
    if (config === undefined) throw new Error(`the archive lacks ${entry.Config}`);
    images.push({ ...withConfig(config.bytes, layers), manifest: undefined, names: entry.RepoTags ?? [] });
  }
  return images;
}

interface OciDescriptor {
  readonly digest: string;
  readonly platform?: { readonly os?: string; readonly architecture?: string };
  readonly annotations?: Readonly<Record<string, string>>;
}

interface OciIndex {
  readonly manifests?: readonly OciDescriptor[];
}

interface OciManifest extends OciIndex {
  readonly config?: OciDescriptor;
  readonly layers?: readonly OciDescriptor[];
}

/** Names given by an outer index hold for what it points to; an index may point to an index (one image, many machines). */
async function ociImages(
  archive: Archive,
  index: OciIndex,
  outerNames: readonly string[],
  depth = 0,
): Promise<ArchivedImage[]> {
  if (depth > 3) throw new Error('indexes within indexes, too deep');
  const images: ArchivedImage[] = [];
  for (const descriptor of (index.manifests ?? []).filter(isForThisMachine)) {
    const { bytes, value } = await blob(archive, descriptor.digest);
    const names = [...outerNames, ...namesOf(descriptor)];
    const manifest = value as OciManifest;
    if (manifest.manifests !== undefined) images.push(...(await ociImages(archive, manifest, names, depth + 1)));
    else if (manifest.config !== undefined)
      images.push(await ociImage(archive, manifest, { bytes, digest: descriptor.digest }, names));
  }
  return images;
}

async function ociImage(
  archive: Archive,
  manifest: OciManifest,
  own: { readonly bytes: Buffer; readonly digest: string },
  names: readonly string[],
): Promise<ArchivedImage> {
  const config = await blob(archive, manifest.config?.digest ?? '');
  const layers = await Promise.all(
    (manifest.layers ?? []).map(async ({ digest }) => ({ file: await required(archive, blobName(digest)), digest })),
  );
  return { ...withConfig(config.bytes, layers), manifest: own, names };
}

/** What the config's own bytes say. Throws when its list of layers is another one. */
export function withConfig(
  configBytes: Buffer,
  layers: ArchivedImage['layers'],
): Pick<ArchivedImage, 'id' | 'configBytes' | 'diffIds' | 'layers'> {
  const config = JSON.parse(configBytes.toString()) as { readonly rootfs?: { readonly diff_ids?: readonly string[] } };
  const diffIds = config.rootfs?.diff_ids ?? [];
  if (diffIds.length !== layers.length)
    throw new Error(`the image has ${layers.length} layers and ${diffIds.length} digests of them`);
  diffIds.forEach(digestHex);
  return { id: digestOf(configBytes), configBytes, diffIds, layers };
}

/** `org.opencontainers.image.ref.name` may be a bare tag: then containerd's own annotation has the name. */
function namesOf({ annotations = {} }: OciDescriptor): string[] {
  const full = annotations['io.containerd.image.name'];
  const short = annotations['org.opencontainers.image.ref.name'];
  return [full ?? short].filter((name) => name !== undefined);
}

const architectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/** A descriptor without a platform is for everybody; attestations say `unknown`. */
export function isForThisMachine({ platform }: Pick<OciDescriptor, 'platform'>): boolean {
  if (platform?.architecture === undefined) return true;
  return platform.os === 'linux' && platform.architecture === (architectures[arch] ?? arch);
}

async function blob(archive: Archive, digest: string): Promise<{ readonly bytes: Buffer; readonly value: unknown }> {
  const found = await archive.json(blobName(digest));
  if (found === undefined) throw new Error(`the archive lacks ${digest}`);
  if (digestOf(found.bytes) !== digest) throw new Error(`${digest} has other content than its digest says`);
  return found;
}

function blobName(digest: string): string {
  return `blobs/sha256/${digestHex(digest)}`;
}

async function required(archive: Archive, name: string): Promise<string> {
  const path = await archive.find(name);
  if (path === undefined) throw new Error(`the archive lacks ${name}`);
  return path;
}
