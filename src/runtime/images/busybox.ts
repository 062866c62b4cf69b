import { readFile } from 'node:fs/promises';
import type { Exec } from '../../kernel/exec.ts';
import type { ImageInfo, ImageService } from '../contract.ts';
import { importMadeImage, packLayer, type LayerFile } from './made-image.ts';

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
  return importMadeImage(options.images, {
    names: busyboxNames,
    layers: [await packLayer(filesOf(program, applets))],
    config: { Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'], Cmd: ['sh'] },
  });
}

function filesOf(program: Buffer, applets: readonly string[]): LayerFile[] {
  const links = applets.filter((name) => !withoutApplets.has(name)).map((name) => `bin/${name}`);
  return [
    ...Object.entries(folders).map(([path, mode]): LayerFile => ({ kind: 'folder', path, mode })),
    ...Object.entries(files).map(([path, content]): LayerFile => ({ kind: 'file', path, mode: 0o644, content })),
    { kind: 'file', path: 'bin/busybox', mode: 0o755, content: program },
    ...[...links, 'usr/bin/env'].map((path): LayerFile => ({ kind: 'link', path, target: 'bin/busybox', mode: 0o755 })),
  ];
}
