import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { arch } from 'node:process';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import type { Exec } from '../../kernel/exec.ts';
import type { ImageInfo, ImageService } from '../contract.ts';
import { digestHex, digestOf } from './digest.ts';
import type { LayerEntry } from './layer-guard.ts';

/** The names the image goes by. */
export const busyboxNames: readonly string[] = ['docker.io/library/busybox:latest', 'docker.io/podwire/busybox:latest'];

const folders: Readonly<Record<string, number>> = {
  bin: 0o755,
  dev: 0o755,
  etc: 0o755,
  home: 0o755,
  proc: 0o555,
  root: 0o700,
  run: 0o755,
  sbin: 0o755,
  sys: 0o555,
  tmp: 0o1777,
  usr: 0o755,
  'usr/bin': 0o755,
  'usr/sbin': 0o755,
  var: 0o755,
  'var/log': 0o755,
  'var/run': 0o755,
  'var/spool': 0o755,
  'var/www': 0o755,
};

const files: Readonly<Record<string, string>> = {
  'etc/passwd':
    'root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www-data:/var/www:/bin/false\nnobody:x:65534:65534:nobody:/home:/bin/false\n',
  'etc/group': 'root:x:0:\nwww-data:x:33:\nnogroup:x:65534:\n',
  'etc/nsswitch.conf': 'hosts: files dns\n',
};

/** Applets that a container has no use for and that would only mislead. */
const withoutApplets = new Set(['busybox', 'halt', 'init', 'insmod', 'poweroff', 'reboot', 'rmmod']);

/**
 * Makes the lab's `busybox` image from this machine's own statically linked busybox (Debian: busybox-static) and imports it, unless an image
 * with the same content is here. Rejects when the program is missing or needs libraries.
 */
export async function makeBusyboxImage(options: {
  readonly images: ImageService;
  readonly exec: Exec;
  /** Default `/bin/busybox`. */
  readonly program?: string;
}): Promise<ImageInfo> {
  const path = options.program ?? '/bin/busybox';
  const program = await readFile(path);
  if (program.includes('/ld-linux')) throw new Error(`${path} needs libraries: install the package busybox-static`);
  const applets = (await options.exec.run({ argv: [path, '--list'] })).stdout
    .split('\n')
    .filter((name) => /^[\w[.-]+$/.test(name));
  const layer = await layerOf(program, applets);
  const image = describe(layer);
  const present = await options.images.imageStatus(image.id);
  if (present !== undefined && busyboxNames.every((name) => present.tags.includes(name))) return present;
  const folder = await mkdtemp(join(tmpdir(), 'podwire-busybox-'));
  try {
    await writeLayout(folder, image.blobs, image.index);
    const [made] = await options.images.importArchive(folder);
    if (made === undefined) throw new Error('the busybox image was not imported');
    return made;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The same bytes for the same program: nothing in it depends on when or where. */
async function layerOf(program: Buffer, applets: readonly string[]): Promise<Buffer> {
  const archive = pack();
  const add = (entry: LayerEntry, content: Buffer | string = ''): void => {
    archive.entry({ uid: 0, gid: 0, mtime: new Date(0), size: content.length, ...entry }, content);
  };
  for (const [name, mode] of Object.entries(folders)) add({ name: `${name}/`, type: 'directory', mode });
  for (const [name, text] of Object.entries(files)) add({ name, mode: 0o644 }, text);
  add({ name: 'bin/busybox', mode: 0o755 }, program);
  for (const applet of applets.filter((name) => !withoutApplets.has(name))) {
    add({ name: `bin/${applet}`, type: 'link', linkname: 'bin/busybox', mode: 0o755 });
  }
  add({ name: 'usr/bin/env', type: 'link', linkname: 'bin/busybox', mode: 0o755 });
  archive.finalize();
  return buffer(archive);
}

interface Layout {
  readonly id: string;
  readonly blobs: readonly (Buffer | string)[];
  readonly index: string;
}

/** Config, manifest and index of a one-layer image (image-spec 1.1). */
function describe(layer: Buffer): Layout {
  const architecture = arch === 'x64' ? 'amd64' : arch;
  const config = JSON.stringify({
    created: '1970-01-01T00:00:00Z',
    architecture,
    os: 'linux',
    config: { Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'], Cmd: ['sh'] },
    rootfs: { type: 'layers', diff_ids: [digestOf(layer)] },
  });
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: descriptor('application/vnd.oci.image.config.v1+json', config),
    layers: [descriptor('application/vnd.oci.image.layer.v1.tar', layer)],
  });
  const entry = descriptor('application/vnd.oci.image.manifest.v1+json', manifest);
  const manifests = busyboxNames.map((name) => ({
    ...entry,
    annotations: { 'org.opencontainers.image.ref.name': name },
  }));
  return {
    id: digestOf(config),
    blobs: [layer, config, manifest],
    index: JSON.stringify({ schemaVersion: 2, manifests }),
  };
}

function descriptor(mediaType: string, content: Buffer | string): { mediaType: string; digest: string; size: number } {
  return { mediaType, digest: digestOf(content), size: Buffer.byteLength(content) };
}

async function writeLayout(folder: string, blobs: Layout['blobs'], index: string): Promise<void> {
  const place = join(folder, 'blobs', 'sha256');
  await mkdir(place, { recursive: true });
  for (const blob of blobs) await writeFile(join(place, digestHex(digestOf(blob))), blob);
  await writeFile(join(folder, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  await writeFile(join(folder, 'index.json'), index);
}
