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

/** Our plugin, and that of others behind it for what it leaves to them: limits of bandwidth. */
function conflist(withPlugins: readonly string[]): string {
  const others = [{ type: 'bandwidth', capabilities: { bandwidth: true } }].filter(({ type }) =>
    withPlugins.includes(type),
  );
  const plugins = [{ type: pluginName, capabilities }, ...others];
  // Runtimes of 1.0 read the first, those of 1.1 the second; the usual builds of the other plugins know 1.0 at most.
  const versions = others.length > 0 ? {} : { cniVersions: ['1.0.0', '1.1.0'] };
  return `${JSON.stringify({ cniVersion: '1.0.0', ...versions, name: pluginName, plugins }, undefined, 2)}\n`;
}

async function put(path: string, text: string, mode: number): Promise<void> {
  if ((await readFile(path, 'utf8').catch(() => undefined)) === text) return;
  const beside = `${path}.new`;
  await writeFile(beside, text, { mode });
  await chmod(beside, mode);
  await rename(beside, path);
}

/** The program first: a configuration whose program is missing stops every pod. Rejects when a folder cannot be written. */
export async function installCni(
  { socket, binDir, confDir }: CniInstallOptions,
  plugins: readonly string[],
): Promise<void> {
  await Promise.all([binDir, confDir].map((folder) => mkdir(folder, { recursive: true })));
  await put(join(binDir, pluginName), frontProgram(socket), 0o755);
  await put(join(confDir, confName), conflist(plugins), 0o644);
}
