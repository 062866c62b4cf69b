/** The folders and files that a machine is started from. */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { hostAddress, machinesOf, type LabConfig, type Machine } from './config.ts';
import { hostAddress6, machineAddress6 } from './families.ts';
import { nameServer } from './internet.ts';
import { imageFolder, labsFolder, machinePlaces } from './places.ts';
import { bootScript, fstab, type HostFacts, serviceLogRun, serviceRun } from './scripts.ts';
import type { ServicesOf } from './services.ts';
import { writeWhole } from './write-file.ts';

/** Written anew at every start, so that a new version of the program or of a script is what runs. */
export async function writeMachineFiles(
  config: LabConfig,
  machine: Machine,
  host: HostFacts,
  servicesOf: ServicesOf,
): Promise<void> {
  const places = machinePlaces(config.name, machine.name);
  await rm(places.services, { recursive: true, force: true });
  const services = servicesOf(machine, config);
  await Promise.all([
    mkdir(join(places.lib, 'podwire', 'images'), { recursive: true }),
    mkdir(join(places.log, 'pods'), { recursive: true }),
    ...services.map(({ name }) => mkdir(join(places.log, 'podwire', name), { recursive: true })),
    writeWhole(join(places.etc, 'hostname'), `${machine.name}\n`, 0o644),
    writeWhole(join(places.etc, 'hosts'), hostsText(config), 0o644),
    writeWhole(join(places.etc, 'resolv.conf'), `nameserver ${nameServer}\n`, 0o644),
    writeWhole(places.boot, bootScript(config, machine, host)),
    writeWhole(places.fstab, fstab(config, machine, host)),
    ...services.flatMap(({ name, argv }) => [
      writeWhole(join(places.services, name, 'run'), serviceRun(name, argv), 0o755),
      writeWhole(join(places.services, name, 'log', 'run'), serviceLogRun(name), 0o755),
    ]),
    ...services.flatMap(({ files = {} }) =>
      Object.entries(files).map(([path, text]) => writeWhole(join(places.lib, path), text, 0o755)),
    ),
  ]);
}

/** Folders that all labs share. */
export async function makeSharedFolders(): Promise<void> {
  await mkdir(labsFolder, { recursive: true, mode: 0o700 });
  await mkdir(imageFolder, { recursive: true, mode: 0o755 });
}

function hostsText(config: LabConfig): string {
  const names: readonly (readonly [string | undefined, string])[] = [
    ['127.0.0.1', 'localhost'],
    ['::1', 'localhost'],
    [hostAddress(config), 'host'],
    [hostAddress6(config), 'host'],
    ...machinesOf(config).flatMap((machine) => [
      [machine.address, machine.name] as const,
      [machineAddress6(config, machine), machine.name] as const,
    ]),
  ];
  return names.flatMap(([address, name]) => (address === undefined ? [] : [`${address} ${name}\n`])).join('');
}
