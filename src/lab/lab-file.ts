/** lab.json: what was asked for, so that a later `up` brings the same lab back. */
import { readdir, readFile } from 'node:fs/promises';
import { checkConfig, LabError, type LabConfig } from './config.ts';
import { labPlaces, labsFolder } from './places.ts';
import type { Program } from './services.ts';
import { writeWhole } from './write-file.ts';

/** A lab as it was written down. */
export interface LabFile {
  readonly config: LabConfig;
  /** What its machines run. The bundle must not be thrown away while a lab names it. */
  readonly program: Program;
  /** We turned /run/netns into a mount point, as `ip netns` does, and take that back with the last lab. */
  readonly madeNetnsMount: boolean;
}

/** Undefined when there is no such lab. Throws a LabError when its file cannot be read. */
export async function readLabFile(name: string): Promise<LabFile | undefined> {
  const path = labPlaces(name).config;
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    if ((error as NodeJS.ErrnoException).code === 'EACCES') throw new LabError(`${path}: only root may read it (sudo)`);
    throw error;
  }
  try {
    const file = JSON.parse(text) as LabFile;
    checkConfig(file.config);
    return file;
  } catch (error) {
    throw new LabError(`${path} is damaged (${String(error)}): podwire down --name ${name} clears the lab away`);
  }
}

/** As readLabFile, but a lab that is not there is an error. */
export async function requireLabFile(name: string): Promise<LabFile> {
  const file = await readLabFile(name);
  if (file === undefined) throw new LabError(`there is no lab ${name}: podwire up makes one`);
  return file;
}

export async function writeLabFile(file: LabFile): Promise<void> {
  await writeWhole(labPlaces(file.config.name).config, `${JSON.stringify(file, undefined, 2)}\n`);
}

/** Names of all labs of this host. */
export async function labNames(): Promise<string[]> {
  return (await readdir(labsFolder).catch(() => [])).sort();
}
