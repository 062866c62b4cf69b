/** Images that are made here, of files of this machine: the same bytes for the same content, nothing in them depends on when or where. */
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { arch } from 'node:process';
import type { Readable, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { pack, type Pack } from 'tar-stream';
import type { ImageInfo, ImageService } from '../contract.ts';
import { digestHex, digestOf, DigestStream } from './digest.ts';

/** Paths have no slash at their beginning; a folder comes before what is in it. All of it belongs to root. */
export type LayerFile =
  | { readonly kind: 'folder'; readonly path: string; readonly mode: number }
  | { readonly kind: 'file'; readonly path: string; readonly mode: number; readonly content: FileContent }
  /** A hard link to a file before it. */
  | { readonly kind: 'link'; readonly path: string; readonly mode: number; readonly target: string }
  /** To a path as the container sees it. */
  | { readonly kind: 'symlink'; readonly path: string; readonly mode: number; readonly target: string };

/** `from` is a file of this machine: of a large one no more than a piece is ever in memory. */
export type FileContent = Buffer | string | { readonly from: string };

/** A tar archive, or the files of one that is written straight to disk. */
export type MadeLayer = Buffer | readonly LayerFile[];

export interface MadeImage {
  /** In full: `docker.io/library/busybox:latest`. */
  readonly names: readonly string[];
  /** From the bottom up. */
  readonly layers: readonly MadeLayer[];
  /** As in an image's config (image-spec 1.1). */
  readonly config: {
    readonly Env?: readonly string[];
    readonly Cmd?: readonly string[];
    readonly Entrypoint?: readonly string[];
    readonly User?: string;
  };
}

/** Large files for a while: `/tmp` may be memory. */
const scratch = process.env['TMPDIR'] ?? '/var/tmp';

/** A layer as a tar archive. */
export async function packLayer(files: readonly LayerFile[]): Promise<Buffer> {
  const archive = pack();
  const [whole] = await Promise.all([buffer(archive), putFiles(archive, files)]);
  return whole;
}

async function putFiles(archive: Pack, files: readonly LayerFile[]): Promise<void> {
  const owner = { uid: 0, gid: 0, mtime: new Date(0) };
  for (const file of files) {
    const { path, mode } = file;
    if (file.kind === 'folder') archive.entry({ ...owner, name: `${path}/`, type: 'directory', mode, size: 0 }, '');
    else if (file.kind === 'link' || file.kind === 'symlink')
      archive.entry({ ...owner, name: path, type: file.kind, linkname: file.target, mode, size: 0 }, '');
    else await putFile(archive, { ...owner, name: path, mode }, file.content);
  }
  archive.finalize();
}

type FileHeader = Pick<Parameters<Pack['entry']>[0], 'name' | 'mode' | 'uid' | 'gid' | 'mtime'>;

async function putFile(archive: Pack, header: FileHeader, content: FileContent): Promise<void> {
  if (typeof content === 'string' || Buffer.isBuffer(content))
    return void archive.entry({ ...header, size: Buffer.byteLength(content) }, content);
  const { size } = await stat(content.from);
  const entry = archive.entry({ ...header, size });
  await pipeline(createReadStream(content.from, { highWaterMark: pieceBytes }), entry as unknown as Writable);
}

const pieceBytes = 1024 * 1024;

/** Imports it, unless an image with the same content goes by these names already. */
export async function importMadeImage(images: ImageService, made: MadeImage): Promise<ImageInfo> {
  const folder = await mkdtemp(join(scratch, 'podwire-image-'));
  try {
    const id = await writeMadeImage(folder, made);
    const present = await images.imageStatus(id);
    if (present !== undefined && made.names.every((name) => present.tags.includes(name))) return present;
    const [image] = await images.importArchive(folder);
    if (image === undefined) throw new Error(`the image ${made.names.join(', ')} was not imported`);
    return image;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What is in the layout, by its digest. */
interface Blob {
  readonly digest: string;
  readonly size: number;
}

/** Writes it as an OCI layout into a folder, for `podwire image import`. Answers its ID. */
export async function writeMadeImage(folder: string, { names, layers, config }: MadeImage): Promise<string> {
  const place = join(folder, 'blobs', 'sha256');
  await mkdir(place, { recursive: true });
  const layerBlobs: Blob[] = [];
  for (const layer of layers) layerBlobs.push(await writeLayer(place, layer));
  const configBlob = await writeJson(place, {
    created: '1970-01-01T00:00:00Z',
    architecture: arch === 'x64' ? 'amd64' : arch,
    os: 'linux',
    config,
    rootfs: { type: 'layers', diff_ids: layerBlobs.map(({ digest }) => digest) },
  });
  const manifest = await writeJson(place, {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...configBlob },
    layers: layerBlobs.map((layer) => ({ mediaType: 'application/vnd.oci.image.layer.v1.tar', ...layer })),
  });
  const entry = { mediaType: 'application/vnd.oci.image.manifest.v1+json', ...manifest };
  const manifests = names.map((name) => ({ ...entry, annotations: { 'org.opencontainers.image.ref.name': name } }));
  await writeFile(join(folder, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  await writeFile(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
  return configBlob.digest;
}

async function writeJson(place: string, value: unknown): Promise<Blob> {
  return writeBytes(place, JSON.stringify(value));
}

async function writeBytes(place: string, content: Buffer | string): Promise<Blob> {
  const digest = digestOf(content);
  await writeFile(join(place, digestHex(digest)), content);
  return { digest, size: Buffer.byteLength(content) };
}

async function writeLayer(place: string, layer: MadeLayer): Promise<Blob> {
  if (Buffer.isBuffer(layer)) return writeBytes(place, layer);
  const archive = pack();
  const hash = new DigestStream();
  const file = join(place, 'unfinished');
  const written = pipeline(archive as unknown as Readable, hash, createWriteStream(file));
  await Promise.all([written, putFiles(archive, layer).catch((error: Error) => void archive.destroy(error))]);
  const digest = hash.digest();
  await rename(file, join(place, digestHex(digest)));
  const { size } = await stat(join(place, digestHex(digest)));
  return { digest, size };
}
