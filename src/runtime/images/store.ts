import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { digestHex } from './digest.ts';
import { withLock } from './store-lock.ts';

/** What the store knows of an image; its config lies in `blobs`. */
export interface ImageRecord {
  readonly id: string;
  /** Of its layers' content, bottom first. */
  readonly diffIds: readonly string[];
  readonly sizeBytes: number;
  /** `docker.io/library/busybox@sha256:…` */
  readonly digests: readonly string[];
}

/** The one file that says what is here; all else is content. */
export interface StoreIndex {
  readonly images: Readonly<Record<string, ImageRecord>>;
  /** Full tag name → image ID. */
  readonly tags: Readonly<Record<string, string>>;
  /** Tags that a registry gave; the others somebody imported. */
  readonly pulled?: readonly string[];
}

const emptyIndex: StoreIndex = { images: {}, tags: {} };

/**
 * The folder that all nodes of a machine share. Readers need no lock: files appear whole, by rename. Writers hold the lock.
 *
 *     index.json             images and tags
 *     blobs/HEX              configs and manifests
 *     layers/HEX…            layers, unpacked, by the digest of their content (cut short: overlay mounts take one page of paths)
 *     leases/NODE/HOLDER     layers that a container stands on, so that removing its image does not pull them away
 *     pulls/                 what is being fetched from registries (pull-lane.ts)
 *     work/                  half-made things; whoever has the lock may empty it
 */
export class ImageStore {
  readonly dir: string;
  #cached: { readonly stamp: string; readonly index: StoreIndex } | undefined;

  constructor(dir: string) {
    this.dir = dir;
  }

  /** What is here now. */
  async index(): Promise<StoreIndex> {
    const path = join(this.dir, 'index.json');
    const facts = await stat(path, { bigint: true }).catch(() => undefined);
    if (facts === undefined) return emptyIndex;
    const stamp = `${facts.ino} ${facts.mtimeNs} ${facts.size}`;
    if (this.#cached?.stamp !== stamp) {
      this.#cached = { stamp, index: JSON.parse(await readFile(path, 'utf8')) as StoreIndex };
    }
    return this.#cached.index;
  }

  /** Where a layer is, or will be. */
  layerFolder(diffId: string): string {
    return join(this.dir, 'layers', digestHex(diffId).slice(0, 32));
  }

  blobPath(digest: string): string {
    return join(this.dir, 'blobs', digestHex(digest));
  }

  /** Runs `change` alone; the index it returns takes the place of the old one in one step. `work` is an empty folder, gone afterwards. */
  async change<T>(
    change: (index: StoreIndex, work: string) => Promise<{ readonly index: StoreIndex; readonly value: T }>,
  ): Promise<T> {
    for (const folder of ['blobs', 'layers', 'leases'])
      await mkdir(join(this.dir, folder), { recursive: true, mode: 0o700 });
    return withLock(join(this.dir, 'lock'), async () => {
      const work = join(this.dir, 'work');
      await emptyFolder(work);
      try {
        const { index, value } = await change(await this.index(), work);
        await replaceFile(join(work, 'index.json'), join(this.dir, 'index.json'), JSON.stringify(index));
        await this.#sweep(index, work);
        return value;
      } finally {
        await rm(work, { recursive: true, force: true });
      }
    });
  }

  /** Keeps the layers for `holder` until {@link release}; idempotent. Rejects when one of them is not here. */
  async lease(node: string, holder: string, diffIds: readonly string[]): Promise<void> {
    const folder = join(this.dir, 'leases', node);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(join(folder, holder), JSON.stringify(diffIds), { mode: 0o600 });
    const missing = diffIds.find((diffId) => !existsSync(this.layerFolder(diffId)));
    if (missing !== undefined) throw new Error(`the layer ${missing} is not in the image store`);
  }

  async release(node: string, holder: string): Promise<void> {
    await rm(join(this.dir, 'leases', node, holder), { force: true });
  }

  async leasesOf(node: string): Promise<string[]> {
    return readdir(join(this.dir, 'leases', node)).catch(() => []);
  }

  /** Removes layers and blobs that no image and no lease names. A lease taken meanwhile wins: what it names is put back. */
  async #sweep(index: StoreIndex, work: string): Promise<void> {
    const wanted = new Set(
      Object.values(index.images).flatMap((image) => image.diffIds.map((diffId) => this.layerFolder(diffId))),
    );
    const leased = await this.#leasedFolders();
    for (const name of await readdir(join(this.dir, 'layers'))) {
      const folder = join(this.dir, 'layers', name);
      if (wanted.has(folder) || leased.has(folder)) continue;
      const aside = join(work, `layer-${name}`);
      await rename(folder, aside);
      if ((await this.#leasedFolders()).has(folder)) await rename(aside, folder);
    }
    await this.#sweepBlobs(index);
  }

  async #sweepBlobs(index: StoreIndex): Promise<void> {
    const manifests = Object.values(index.images).flatMap((image) =>
      image.digests.map((name) => name.slice(name.indexOf('@') + 1)),
    );
    const wanted = new Set([...Object.keys(index.images), ...manifests].map((digest) => digestHex(digest)));
    for (const name of await readdir(join(this.dir, 'blobs'))) {
      if (!wanted.has(name)) await rm(join(this.dir, 'blobs', name), { force: true });
    }
  }

  async #leasedFolders(): Promise<Set<string>> {
    const folders = new Set<string>();
    const leases = join(this.dir, 'leases');
    for (const node of await readdir(leases).catch(() => [])) {
      for (const holder of await readdir(join(leases, node)).catch(() => [])) {
        const text = await readFile(join(leases, node, holder), 'utf8').catch(() => '[]');
        for (const diffId of parseList(text)) folders.add(this.layerFolder(diffId));
      }
    }
    return folders;
  }
}

/** A lease cut short by a crash names nothing: its container was not made either. */
function parseList(text: string): string[] {
  try {
    return JSON.parse(text) as string[];
  } catch {
    return [];
  }
}

async function replaceFile(fresh: string, path: string, text: string): Promise<void> {
  await writeFile(fresh, text, { mode: 0o600, flush: true });
  await rename(fresh, path);
}

async function emptyFolder(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
  await mkdir(path, { mode: 0o700 });
  await chmod(path, 0o700);
}
