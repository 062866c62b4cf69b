/** Somebody else's network configuration: which plugins, one after the other. Pure but for `readConfLists`. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

export type PluginConf = Readonly<Record<string, unknown>> & { readonly type: string };

export interface ConfList {
  readonly cniVersion: string;
  readonly name: string;
  readonly disableCheck: boolean;
  readonly plugins: readonly PluginConf[];
}

const maxPlugins = 32;
const nameOfFile = /\.(conflist|conf|json)$/;

const isFields = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function pluginOf(value: unknown): PluginConf {
  // It becomes the name of a program in the folder of plugins.
  if (!isFields(value) || typeof value['type'] !== 'string' || !/^[\w][\w.-]*$/.test(value['type']))
    throw new Error('a plugin has no type, or one that is no name of a program');
  return value as PluginConf;
}

/** A list of plugins, or a single one as the older form has it. Throws and says why when it is none. */
export function parseConfList(text: string): ConfList {
  const value: unknown = JSON.parse(text);
  if (!isFields(value)) throw new Error('not a JSON object');
  const { name, cniVersion = '0.2.0', plugins = [value], disableCheck = false } = value;
  if (typeof name !== 'string' || !/^[A-Za-z0-9][\w.-]*$/.test(name)) throw new Error('name is missing, or is none');
  if (typeof cniVersion !== 'string') throw new Error('cniVersion is no text');
  if (!Array.isArray(plugins) || plugins.length === 0 || plugins.length > maxPlugins)
    throw new Error(`plugins must be a list of 1 to ${maxPlugins}`);
  return { cniVersion, name, disableCheck: disableCheck === true, plugins: plugins.map(pluginOf) };
}

/** The first by name that can be used, as every runtime takes it; undefined while there is none. `refused`: those that cannot, and why. */
export async function findConfList(
  folder: string,
): Promise<{ readonly list: ConfList | undefined; readonly refused: readonly string[] }> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => nameOfFile.test(name)).sort();
  const refused: string[] = [];
  for (const name of names) {
    try {
      return { list: parseConfList(await readFile(join(folder, name), 'utf8')), refused };
    } catch (error) {
      refused.push(`${join(folder, name)}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return { list: undefined, refused };
}
