/** The images of the stories, made of this machine's files: upstream's name for the pause container, a busybox, and ours. */
import { execa } from 'execa';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packLayer, writeMadeImage, type LayerFile, type MadeImage } from '../../src/runtime/images/made-image.ts';
import { foldersOf, librariesOf } from '../../src/runtime/images/program-image.ts';

export const busyboxImage = 'docker.io/podwire/stock-busybox:1';
const pauseImage = 'registry.k8s.io/pause:3.10.2';

async function program(from: string, path: string): Promise<LayerFile[]> {
  const { stdout } = await execa('ldd', [from], { reject: false });
  const paths: [string, string][] = [
    [from, path],
    ...librariesOf(stdout).map((one): [string, string] => [one, one.slice(1)]),
  ];
  return Promise.all(
    paths.map(async ([source, place]): Promise<LayerFile> => ({
      kind: 'file',
      path: place,
      mode: 0o755,
      content: await readFile(source),
    })),
  );
}

async function layerOf(files: readonly LayerFile[]): Promise<Buffer> {
  return packLayer([...foldersOf([...files.map(({ path }) => path), 'tmp/.', 'etc/.']), ...files]);
}

async function busybox(): Promise<MadeImage> {
  const { stdout } = await execa('/bin/busybox', ['--list']);
  const names = stdout.split('\n').filter((name) => /^[\w[.-]+$/.test(name) && name !== 'busybox');
  const links = names.map((name): LayerFile => ({
    kind: 'link',
    path: `bin/${name}`,
    mode: 0o755,
    target: 'bin/busybox',
  }));
  const layer = await layerOf([...(await program('/bin/busybox', 'bin/busybox')), ...links]);
  return { names: [busyboxImage], layers: [layer], config: { Env: ['PATH=/bin'] } };
}

async function pause(): Promise<MadeImage> {
  const layer = await layerOf(await program('/usr/bin/catatonit', 'pause'));
  return { names: [pauseImage], layers: [layer], config: { Env: ['PATH=/'], Entrypoint: ['/pause', '-P'] } };
}

/** Writes archives into a folder and returns their paths. */
export async function writeImages(folder: string): Promise<readonly string[]> {
  const paths = ['busybox', 'pause', 'podwire'].map((name) => join(folder, `${name}.tar`)) as [string, string, string];
  for (const [index, made] of [await busybox(), await pause()].entries()) {
    const place = await mkdtemp(join(tmpdir(), 'podwire-stock-'));
    await writeMadeImage(place, made);
    await execa('tar', ['--create', `--file=${paths[index]}`, `--directory=${place}`, '.']);
    await rm(place, { recursive: true });
  }
  await execa(join(import.meta.dirname, '../../scripts/image'), [paths[2]]);
  return paths;
}
