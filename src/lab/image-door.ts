/**
 * The lab's way to registries: machines have no internet, so what they want pulled is fetched from the host's own network
 * namespace. A socket in the image store's folder, which every machine sees; a supervised superserver of a few hundred KB behind
 * it; and one short-lived process a pull.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { LabConfig } from './config.ts';
import { imageFolder, labPlaces } from './places.ts';
import { machineCgroup, type HostFacts } from './scripts.ts';
import type { Program } from './services.ts';
import { quote, words } from './shell.ts';
import { writeWhole } from './write-file.ts';

/** Its control group stands beside those of the machines: what ends them ends it. */
export const imageDoorName = 'image-door';

const callersAtOnce = 64;

/** Where a lab's machines ask for images, the same path inside and outside. */
export function imageDoorSocket(lab: string): string {
  return join(imageFolder, `door-${lab}.sock`);
}

function folder(lab: string): string {
  return join(labPlaces(lab).lab, imageDoorName);
}

/** Written anew with every start, so that a new version of the program is what runs. */
export async function writeImageDoorFiles(lab: string, { node, script }: Program): Promise<void> {
  const argv = [
    ...['s6-ipcserver', '-q', '-a', '0600', '-c', String(callersAtOnce), imageDoorSocket(lab)],
    ...[node, script, 'image-door', `--name=${lab}`],
  ];
  await writeWhole(join(folder(lab), 'run'), `#!/bin/sh\nexec 2>&1\nexec ${words(...argv)}\n`, 0o755);
}

/** Starts it in the background; the environment stays, since it may name a proxy. */
export function imageDoorScript(config: LabConfig, host: HostFacts): string {
  const group = machineCgroup(host.cgroupRoot, config.name, imageDoorName);
  const place = folder(config.name);
  return [
    words('mkdir', '-p', group),
    '(',
    // A descriptor that a caller left open would otherwise live as long as this.
    '  for fd in /proc/$BASHPID/fd/*; do fd=${fd##*/}; if [ "$fd" -gt 2 ]; then eval "exec $fd>&-"; fi; done',
    `  echo $BASHPID > ${quote(`${group}/cgroup.procs`)}`,
    `  cd /; exec ${words('setsid', 's6-supervise', place)}`,
    `) < /dev/null > ${quote(`${place}/log`)} 2>&1 &`,
  ].join('\n');
}

/** What a socket leaves on disk when nobody listens any more. */
export async function removeImageDoor(lab: string): Promise<void> {
  for (const path of [imageDoorSocket(lab), `${imageDoorSocket(lab)}.lock`]) await rm(path, { force: true });
}
