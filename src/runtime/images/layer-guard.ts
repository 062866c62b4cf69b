/**
 * What of a layer's archive may be written, and as what (OCI image-spec, layer.md): names stay inside the layer, nothing is
 * written through a link of the layer itself, whiteouts become what overlayfs reads, sizes are bounded.
 */
import type { Header } from 'tar-stream';

/** An entry as it is written; what is left out gets the archive format's default. */
export type LayerEntry = Partial<Header> & Pick<Header, 'name'>;

/** Beyond these an archive is an attack, not an image. */
const limits = { entries: 2_000_000, bytes: 64 * 1024 ** 3, nameLength: 4096, folderDepth: 512 };

const opaqueMarker = '.wh..wh..opq';
const whiteoutPrefix = '.wh.';

/** A path of the archive relative to the layer's root, `''` for the root itself. Throws when it would leave it. */
export function layerPath(name: string): string {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw new Error(`layer: ${show(name)} leaves the layer`);
  if (name.length > limits.nameLength || parts.length > limits.folderDepth)
    throw new Error(`layer: ${show(name)} is too long`);
  if (name.includes('\0')) throw new Error(`layer: ${show(name)} holds a zero byte`);
  return parts.join('/');
}

/** Checks one layer, entry by entry, in the archive's order. */
export class LayerGuard {
  readonly #folders = new Map<string, LayerEntry>();
  readonly #links = new Set<string>();
  #entries = 0;
  #bytes = 0;

  /** The header to write instead, `undefined` to leave the entry out. Throws on an entry that no honest layer has. */
  admit(header: LayerEntry): LayerEntry | undefined {
    this.#entries++;
    this.#bytes += header.size ?? 0;
    if (this.#entries > limits.entries || this.#bytes > limits.bytes) throw new Error('layer: too large');
    const path = layerPath(header.name);
    this.#refuseThroughLink(path, header.name);
    const base = path.slice(path.lastIndexOf('/') + 1);
    if (base.startsWith(whiteoutPrefix)) return this.#whiteout(path, base);
    return this.#keep({ ...header, name: path, ...paxOf(header) });
  }

  #keep(header: LayerEntry): LayerEntry {
    const path = header.name;
    this.#links.delete(path);
    switch (header.type) {
      case 'directory':
        this.#folders.set(path, header);
        return { ...header, name: path === '' ? './' : `${path}/` };
      case 'symlink':
        this.#links.add(path);
        return header;
      case 'link':
        return { ...header, linkname: this.#linkTarget(path, header.linkname ?? '') };
      case 'file':
      case 'contiguous-file':
      case 'character-device':
      case 'block-device':
      case 'fifo':
        if (path === '') throw new Error('layer: its root is not a folder');
        return header.type === 'contiguous-file' ? { ...header, type: 'file' } : header;
      default:
        throw new Error(`layer: ${show(path)} is of a type nobody knows (${String(header.type)})`);
    }
  }

  #linkTarget(path: string, name: string): string {
    const target = layerPath(name);
    if (target === '' || target === path) throw new Error(`layer: the hard link ${show(path)} leads nowhere`);
    this.#refuseThroughLink(target, name);
    return target;
  }

  /** overlayfs: a removed name is a character device 0/0, a replaced folder carries `trusted.overlay.opaque`. */
  #whiteout(path: string, base: string): LayerEntry | undefined {
    const folder = path.slice(0, Math.max(0, path.length - base.length - 1));
    if (base === opaqueMarker) {
      const known = this.#folders.get(folder) ?? {
        name: folder,
        type: 'directory' as const,
        mode: 0o755,
        mtime: new Date(0),
      };
      const pax = { ...(known.pax as object | undefined), 'SCHILY.xattr.trusted.overlay.opaque': 'y' };
      return { ...known, name: folder === '' ? './' : `${folder}/`, size: 0, pax };
    }
    if (base.startsWith(`${whiteoutPrefix}${whiteoutPrefix}`)) return undefined; // aufs' own files
    const name = base.slice(whiteoutPrefix.length);
    if (name === '' || name === '.' || name === '..') throw new Error(`layer: ${show(path)} removes nothing`);
    const gone = folder === '' ? name : `${folder}/${name}`;
    this.#links.delete(gone);
    return {
      name: gone,
      type: 'character-device',
      devmajor: 0,
      devminor: 0,
      mode: 0,
      mtime: new Date(0),
      uid: 0,
      gid: 0,
      size: 0,
    };
  }

  #refuseThroughLink(path: string, name: string): void {
    for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
      if (this.#links.has(path.slice(0, slash))) throw new Error(`layer: ${show(name)} goes through a symbolic link`);
    }
  }
}

/** Extended attributes of overlayfs itself are ours to write: a layer that brings some could redirect folders. */
function paxOf(header: LayerEntry): Pick<LayerEntry, 'pax'> {
  const attributes = (header.pax ?? {}) as Readonly<Record<string, string>>; // the library leaves its type open
  const kept = Object.entries(attributes).filter(
    ([key]) =>
      key.startsWith('SCHILY.xattr.') &&
      !/^SCHILY\.xattr\.(trusted|system)\.|^SCHILY\.xattr\.user\.overlay\./.test(key),
  );
  return { pax: kept.length === 0 ? undefined : Object.fromEntries(kept) };
}

function show(name: string): string {
  return JSON.stringify(name.slice(0, 200));
}
