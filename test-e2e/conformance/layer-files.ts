/** Files of images, taken from this machine and from Debian packages that are extracted beside it. */
import { execa } from 'execa';
import { access, mkdir, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { librariesOf } from '../../src/runtime/images/program-image.ts';
import type { LayerFile } from '../../src/runtime/images/made-image.ts';
import { buildTimeoutMs, NotHereError, places } from './settings.ts';

const triples: Readonly<Record<string, string>> = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' };
const triple = triples[process.arch] ?? '';
const libraryFolders = ['usr/lib', 'lib'].map((folder) => join(places.packages, folder, triple));

/** Fetches those packages that are not installed, with what they need, and extracts them. */
export async function fetchPackages(names: readonly string[]): Promise<void> {
  const archives = join(places.packages, 'archives');
  await mkdir(join(archives, 'partial'), { recursive: true });
  const options = ['-o', `Dir::Cache::Archives=${archives}`, '-o', 'APT::Sandbox::User=root'];
  const get = ['-qq', '-y', '--no-install-recommends', '--download-only', ...options, 'install', ...names];
  const run = (args: readonly string[]) =>
    execa('apt-get', args, { reject: false, timeout: buildTimeoutMs, stdin: 'ignore' });
  let fetched = await run(get);
  if (fetched.exitCode !== 0) {
    await run(['update', '-qq']);
    fetched = await run(get);
  }
  if (fetched.exitCode !== 0)
    throw new NotHereError(`apt-get could not fetch ${names.join(', ')}: ${fetched.stderr.slice(-500)}`);
  for (const file of (await readdir(archives)).filter((name) => name.endsWith('.deb'))) {
    await execa('dpkg-deb', ['--extract', join(archives, file), places.packages]);
  }
}

async function firstThere(paths: readonly string[]): Promise<string> {
  for (const path of paths) {
    const there = await access(path).then(
      () => true,
      () => false,
    );
    if (there) return path;
  }
  throw new Error(`none of these is there: ${paths.join(', ')}`);
}

/** Where a program of Debian lies: extracted, or installed. */
export function debianProgram(...paths: readonly string[]): Promise<string> {
  return firstThere(paths.flatMap((path) => [join(places.packages, path), path]));
}

async function fileOf(from: string, path: string, mode = 0o755): Promise<LayerFile> {
  return { kind: 'file', path, mode, content: await readFile(from) };
}

/** A program at this place, with the libraries that the dynamic linker takes for it. */
export async function programFiles(from: string, path: string): Promise<LayerFile[]> {
  const env = { LD_LIBRARY_PATH: libraryFolders.join(':') };
  const { stdout } = await execa('ldd', [from], { env, reject: false });
  const libraries = librariesOf(stdout).map((library) => {
    const isLoader = library.includes('/ld-linux');
    return fileOf(library, isLoader ? library.slice(1) : `lib/${triple}/${library.split('/').at(-1)}`);
  });
  return Promise.all([fileOf(from, path), ...libraries]);
}

/** What the C library loads by itself to look names up. */
export async function nameServiceFiles(): Promise<LayerFile[]> {
  const names = ['libnss_dns.so.2', 'libnss_files.so.2', 'libresolv.so.2'];
  return Promise.all(names.map((name) => fileOf(`/lib/${triple}/${name}`, `lib/${triple}/${name}`)));
}

/** In the order that a layer wants: each path once, its folders before it. */
export function ordered(files: readonly LayerFile[]): LayerFile[] {
  const byPath = new Map<string, LayerFile>();
  for (const file of files) {
    const parts = dirname(file.path)
      .split('/')
      .filter((part) => part !== '.');
    parts.forEach((_, index) => {
      const path = parts.slice(0, index + 1).join('/');
      if (!byPath.has(path)) byPath.set(path, { kind: 'folder', path, mode: 0o755 });
    });
    byPath.set(file.path, file);
  }
  // A link stands behind what it leads to.
  const rank = ({ kind }: LayerFile): number => (kind === 'folder' ? 0 : kind === 'file' ? 1 : 2);
  return [...byPath.values()].sort((a, b) => rank(a) - rank(b) || (a.path < b.path ? -1 : 1));
}
