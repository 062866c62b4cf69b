/** This very program as an image: Node with the libraries it needs in one layer, the bundle in another, which changes more often. */
import { readdir } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { Exec } from '../../kernel/exec.ts';
import type { ImageInfo, ImageService } from '../contract.ts';
import { importMadeImage, type LayerFile } from './made-image.ts';

export interface ProgramParts {
  readonly exec: Exec;
  /** Node's own file. */
  readonly node: string;
  /** The bundle's. */
  readonly folder: string;
}

export interface ProgramImageOptions extends ProgramParts {
  readonly images: ImageService;
  /** The name that it goes by. */
  readonly name: string;
  /** The file of the bundle that is started. */
  readonly entry: string;
}

const nodePlace = 'usr/local/bin/node';
const bundlePlace = 'opt/podwire';
/** What V8 made of the bundle on this machine is no part of it. */
const compileCache = 'compile-cache';

/** The files that the dynamic linker takes for a program: `ldd` tells a path for each. */
export function librariesOf(lddOutput: string): string[] {
  return lddOutput.split('\n').flatMap((line) => /(?:=> |^\s*)(\/\S+) \(0x/.exec(line)?.[1] ?? []);
}

/** Every folder above a path, the topmost first. */
export function foldersOf(paths: readonly string[]): LayerFile[] {
  const folders = new Set<string>();
  for (const path of paths) {
    const parts = dirname(path).split('/');
    parts.forEach((_, index) => folders.add(parts.slice(0, index + 1).join('/')));
  }
  return [...folders].sort().map((path) => ({ kind: 'folder', path, mode: 0o755 }));
}

async function nodeFiles({ exec, node }: ProgramParts): Promise<LayerFile[]> {
  const { stdout } = await exec.run({ argv: ['ldd', node] });
  const places = [[node, nodePlace] as const, ...librariesOf(stdout).map((path) => [path, path.slice(1)] as const)];
  const files = places.map(([from, path]): LayerFile => ({ kind: 'file', path, mode: 0o755, content: { from } }));
  const texts: LayerFile[] = [
    {
      kind: 'file',
      path: 'etc/passwd',
      mode: 0o644,
      content: 'root:x:0:0:root:/:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n',
    },
    { kind: 'file', path: 'etc/nsswitch.conf', mode: 0o644, content: 'hosts: files dns\n' },
  ];
  const all = [...files, ...texts];
  return [...foldersOf([...all.map(({ path }) => path), 'tmp/.']), ...all];
}

async function bundleFiles({ folder }: ProgramParts): Promise<LayerFile[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !relative(folder, path).startsWith(compileCache))
    .sort();
  const files = paths.map((from): LayerFile => {
    return { kind: 'file', path: join(bundlePlace, relative(folder, from)), mode: 0o644, content: { from } };
  });
  return [...foldersOf(files.map(({ path }) => path)), ...files];
}

/** Node as `/usr/local/bin/node`, and over it the bundle in `/opt/podwire`. Rejects when Node's libraries cannot be told. */
export async function programLayers(parts: ProgramParts): Promise<readonly (readonly LayerFile[])[]> {
  return Promise.all([nodeFiles(parts), bundleFiles(parts)]);
}

/** Makes and imports it; `node ENTRY` is what it runs, with the container's arguments. Rejects when Node's libraries cannot be told. */
export async function makeProgramImage(options: ProgramImageOptions): Promise<ImageInfo> {
  return importMadeImage(options.images, {
    names: [options.name],
    layers: await programLayers(options),
    config: { Env: ['PATH=/usr/local/bin'], Entrypoint: [`/${nodePlace}`, `/${bundlePlace}/${options.entry}`] },
  });
}
