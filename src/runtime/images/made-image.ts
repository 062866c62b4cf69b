/** Images that are made here, of files of this machine: the same bytes for the same content, nothing in them depends on when or where. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { arch } from 'node:process';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import type { ImageInfo, ImageService } from '../contract.ts';
import { digestHex, digestOf } from './digest.ts';

/** Paths have no slash at their beginning; a folder comes before what is in it. All of it belongs to root. */
export type LayerFile =
  | { readonly kind: 'folder'; readonly path: string; readonly mode: number }
  | { readonly kind: 'file'; readonly path: string; readonly mode: number; readonly content: Buffer | string }
  /** A hard link to a file before it. */
  | { readonly kind: 'link'; readonly path: string; readonly mode: number; readonly target: string }
  /** To a path as the container sees it. */
  | { readonly kind: 'symlink'; readonly path: string; readonly mode: number; readonly target: string };

export interface MadeImage {
  /** In full: `docker.io/library/busybox:latest`. */
  readonly names: readonly string[];
  /** From the bottom up, as tar archives. */
  readonly layers: readonly Buffer[];
  /** As in an image's config (image-spec 1.1). */
  readonly config: {
    readonly Env?: readonly string[];
    readonly Cmd?: readonly string[];
    readonly Entrypoint?: readonly string[];
    readonly User?: string;
  };
}

/** A layer as a tar archive. */
export async function packLayer(files: readonly LayerFile[]): Promise<Buffer> {
  const archive = pack();
  const owner = { uid: 0, gid: 0, mtime: new Date(0) };
  const done = buffer(archive);
  for (const file of files) {
    const { path, mode } = file;
    if (file.kind === 'folder') archive.entry({ ...owner, name: `${path}/`, type: 'directory', mode, size: 0 }, '');
    else if (file.kind === 'link' || file.kind === 'symlink')
      archive.entry({ ...owner, name: path, type: file.kind, linkname: file.target, mode, size: 0 }, '');
    else archive.entry({ ...owner, name: path, mode, size: Buffer.byteLength(file.content) }, file.content);
  }
  archive.finalize();
  return done;
}

/** Imports it, unless an image with the same content goes by these names already. */
export async function importMadeImage(images: ImageService, made: MadeImage): Promise<ImageInfo> {
  const layout = layoutOf(made);
  const present = await images.imageStatus(layout.id);
  if (present !== undefined && made.names.every((name) => present.tags.includes(name))) return present;
  const folder = await mkdtemp(join(tmpdir(), 'podwire-image-'));
  try {
    await writeLayout(folder, layout);
    const [image] = await images.importArchive(folder);
    if (image === undefined) throw new Error(`the image ${made.names.join(', ')} was not imported`);
    return image;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Writes it as an OCI layout into a folder, for `podwire image import`. */
export async function writeMadeImage(folder: string, made: MadeImage): Promise<void> {
  await writeLayout(folder, layoutOf(made));
}

/** Its digest is asked for once: hashing a hundred megabytes is most of the work on a slow machine. */
interface Blob {
  readonly digest: string;
  readonly content: Buffer | string;
}

const blobOf = (content: Buffer | string): Blob => ({ digest: digestOf(content), content });

interface Layout {
  readonly id: string;
  readonly blobs: readonly Blob[];
  readonly index: string;
}

/** Config, manifest and index. */
function layoutOf({ names, layers, config }: MadeImage): Layout {
  const layerBlobs = layers.map(blobOf);
  const configBlob = blobOf(
    JSON.stringify({
      created: '1970-01-01T00:00:00Z',
      architecture: arch === 'x64' ? 'amd64' : arch,
      os: 'linux',
      config,
      rootfs: { type: 'layers', diff_ids: layerBlobs.map(({ digest }) => digest) },
    }),
  );
  const manifest = blobOf(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: descriptor('application/vnd.oci.image.config.v1+json', configBlob),
      layers: layerBlobs.map((layer) => descriptor('application/vnd.oci.image.layer.v1.tar', layer)),
    }),
  );
  const entry = descriptor('application/vnd.oci.image.manifest.v1+json', manifest);
  const manifests = names.map((name) => ({ ...entry, annotations: { 'org.opencontainers.image.ref.name': name } }));
  return {
    id: configBlob.digest,
    blobs: [...layerBlobs, configBlob, manifest],
    index: JSON.stringify({ schemaVersion: 2, manifests }),
  };
}

function descriptor(mediaType: string, { digest, content }: Blob): { mediaType: string; digest: string; size: number } {
  return { mediaType, digest, size: Buffer.byteLength(content) };
}

async function writeLayout(folder: string, { blobs, index }: Layout): Promise<void> {
  const place = join(folder, 'blobs', 'sha256');
  await mkdir(place, { recursive: true });
  for (const { digest, content } of blobs) await writeFile(join(place, digestHex(digest)), content);
  await writeFile(join(folder, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  await writeFile(join(folder, 'index.json'), index);
}
