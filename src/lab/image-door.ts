/**
 * The lab's way to registries: machines need no internet for it, since what they want pulled is fetched from the host's own network
 * namespace. A socket in the image store's folder, which every machine sees; a supervised superserver of a few hundred KB behind
 * it; and one short-lived process a pull.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { imageFolder } from './places.ts';
import type { Program } from './services.ts';
import { words } from './shell.ts';
import { supervisedFolder } from './supervision.ts';
import { writeWhole } from './write-file.ts';

/** Its control group stands beside those of the machines: what ends them ends it. */
export const imageDoorName = 'image-door';

const callersAtOnce = 64;

/** Where a lab's machines ask for images, the same path inside and outside. */
export function imageDoorSocket(lab: string): string {
  return join(imageFolder, `door-${lab}.sock`);
}

/** Written anew with every start, so that a new version of the program is what runs. */
export async function writeImageDoorFiles(lab: string, { node, script }: Program): Promise<void> {
  const argv = [
    ...['s6-ipcserver', '-q', '-a', '0600', '-c', String(callersAtOnce), imageDoorSocket(lab)],
    ...[node, script, 'image-door', `--name=${lab}`],
  ];
  await writeWhole(
    join(supervisedFolder(lab, imageDoorName), 'run'),
    `#!/bin/sh\nexec 2>&1\nexec ${words(...argv)}\n`,
    0o755,
  );
}

/** What a socket leaves on disk when nobody listens any more. */
export async function removeImageDoor(lab: string): Promise<void> {
  for (const path of [imageDoorSocket(lab), `${imageDoorSocket(lab)}.lock`]) await rm(path, { force: true });
}
