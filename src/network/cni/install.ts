/** Puts the front and its configuration where runtimes look for them. */
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { frontProgram } from './front.ts';
import { capabilities } from './needs.ts';

export interface CniInstallOptions {
  readonly socket: string;
  /** `/opt/cni/bin` */
  readonly binDir: string;
  /** `/etc/cni/net.d` */
  readonly confDir: string;
}

const pluginName = 'podwire';
/** The first by name is the one that runtimes take. */
const confName = '05-podwire.conflist';

/** Runtimes of 1.0 read `cniVersion`, those of 1.1 the list. */
const conflist = {
  cniVersion: '1.0.0',
  cniVersions: ['1.0.0', '1.1.0'],
  name: pluginName,
  plugins: [{ type: pluginName, capabilities }],
};

async function put(path: string, text: string, mode: number): Promise<void> {
  if ((await readFile(path, 'utf8').catch(() => undefined)) === text) return;
  const beside = `${path}.new`;
  await writeFile(beside, text, { mode });
  await chmod(beside, mode);
  await rename(beside, path);
}

/** The program first: a configuration whose program is missing stops every pod. Rejects when a folder cannot be written. */
export async function installCni({ socket, binDir, confDir }: CniInstallOptions): Promise<void> {
  await Promise.all([binDir, confDir].map((folder) => mkdir(folder, { recursive: true })));
  await put(join(binDir, pluginName), frontProgram(socket), 0o755);
  await put(join(confDir, confName), `${JSON.stringify(conflist, undefined, 2)}\n`, 0o644);
}
