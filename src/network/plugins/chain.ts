/** Calls the plugins of a list, one after the other (CNI specification 1.1, section 3). */
import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandError, type Exec } from '../../kernel/exec.ts';
import type { CapabilityArgs } from './capabilities.ts';
import type { ConfList, PluginConf } from './conf-list.ts';

export interface Attachment {
  readonly list: ConfList;
  readonly containerID: string;
  /** Empty when it is gone. */
  readonly netns: string;
  readonly ifname: string;
  /** `K8S_POD_NAME=…;…` */
  readonly args: string;
  readonly capabilities: CapabilityArgs;
}

/** What ADD gave, as JSON; only the addresses are looked at here. */
export interface PluginResult {
  readonly ips?: readonly { readonly address?: string }[];
}

type Command = 'ADD' | 'DEL' | 'CHECK' | 'STATUS';

const timeoutMs = 30_000;
const maxOutputBytes = 1024 * 1024;

export class PluginError extends Error {
  override readonly name = 'PluginError';
  /** The plugin's own code; undefined when it said none: it crashed, ran out of time, or is not there. */
  readonly code: number | undefined;

  constructor(message: string, options: ErrorOptions & { readonly code?: number | undefined } = {}) {
    super(message, options);
    this.code = options.code;
  }
}

/** What one plugin gets on its standard input: its own part, whose list it is of, and what came out before. */
function confFor(plugin: PluginConf, { list, capabilities }: Attachment, prevResult: PluginResult | undefined): string {
  const { capabilities: wanted, ...own } = plugin;
  const chosen = Object.entries(typeof wanted === 'object' && wanted !== null ? wanted : {}).flatMap(
    ([name, isWanted]) => (isWanted === true && capabilities[name] !== undefined ? [[name, capabilities[name]]] : []),
  );
  return JSON.stringify({
    ...own,
    name: list.name,
    cniVersion: list.cniVersion,
    ...(chosen.length === 0 ? {} : { runtimeConfig: Object.fromEntries(chosen) as CapabilityArgs }),
    ...(prevResult === undefined ? {} : { prevResult }),
  });
}

const isTrue = (): boolean => true;
const isFalse = (): boolean => false;

/** The plugin's own words and code when it said why, else those of the command. */
function failureOf(error: unknown): { readonly reason: string; readonly code?: number | undefined } {
  if (!(error instanceof CommandError)) return { reason: error instanceof Error ? error.message : String(error) };
  try {
    const { code, msg, details = '' } = JSON.parse(error.stdout) as { code?: number; msg?: string; details?: string };
    if (msg !== undefined) return { reason: `${msg}${details === '' ? '' : `: ${details}`} (code ${code})`, code };
  } catch {
    // Not what the specification wants on a failure: the exit code and standard error must do.
  }
  return { reason: error.message };
}

export class PluginChain {
  readonly #exec: Exec;
  readonly #binDirs: readonly string[];

  constructor(exec: Exec, binDirs: readonly string[]) {
    this.#exec = exec;
    this.#binDirs = binDirs;
  }

  /** Rejects with a PluginError; what the plugins before it made is there still then: call `remove`. */
  async add(attachment: Attachment): Promise<PluginResult> {
    let result: PluginResult | undefined;
    for (const plugin of attachment.list.plugins) {
      const stdout = await this.#call('ADD', plugin, attachment, result);
      result = JSON.parse(stdout) as PluginResult;
    }
    return result ?? {};
  }

  /** The last plugin first. All are called; then it rejects with the first failure. */
  async remove(attachment: Attachment, result: PluginResult | undefined): Promise<void> {
    const failures: PluginError[] = [];
    for (const plugin of attachment.list.plugins.toReversed()) {
      await this.#call('DEL', plugin, attachment, result).catch((error: PluginError) => void failures.push(error));
    }
    const [first] = failures;
    if (first !== undefined) throw first;
  }

  /**
   * What is not as ADD made it, in the plugin's words; undefined when all is. A plugin that crashes over CHECK (bandwidth 1.1.1 without a
   * limit does) has said nothing against the link.
   */
  async check(attachment: Attachment, result: PluginResult): Promise<string | undefined> {
    const { list } = attachment;
    if (list.disableCheck || /^0\.[0-3]\./.test(list.cniVersion)) return undefined;
    for (const plugin of list.plugins) {
      try {
        await this.#call('CHECK', plugin, attachment, result);
      } catch (error) {
        if (error instanceof PluginError && error.code !== undefined) return error.message;
      }
    }
    return undefined;
  }

  /** Rejects with a PluginError while a plugin cannot make links. Plugins before 1.1 are not asked. */
  async status(list: ConfList): Promise<void> {
    if (/^(0|1\.0)\./.test(list.cniVersion)) return;
    const nobody = { list, containerID: '', netns: '', ifname: '', args: '', capabilities: {} };
    for (const plugin of list.plugins) await this.#call('STATUS', plugin, nobody, undefined);
  }

  async #call(
    command: Command,
    plugin: PluginConf,
    attachment: Attachment,
    prevResult: PluginResult | undefined,
  ): Promise<string> {
    const { containerID, netns, ifname, args } = attachment;
    const env = {
      CNI_COMMAND: command,
      CNI_CONTAINERID: containerID,
      CNI_NETNS: netns,
      CNI_IFNAME: ifname,
      CNI_ARGS: args,
      CNI_PATH: this.#binDirs.join(':'),
    };
    try {
      const argv = [await this.#programOf(plugin)] as const;
      const stdin = confFor(plugin, attachment, prevResult);
      return (await this.#exec.run({ argv, env, stdin, timeoutMs, maxOutputBytes })).stdout;
    } catch (error) {
      const { reason, code } = failureOf(error);
      throw new PluginError(`CNI plugin ${plugin.type}, ${command}: ${reason}`, { cause: error, code });
    }
  }

  async #programOf({ type }: PluginConf): Promise<string> {
    for (const path of this.#binDirs.map((folder) => join(folder, type))) {
      if (await access(path, constants.X_OK).then(isTrue, isFalse)) return path;
    }
    throw new PluginError(`it is in none of ${this.#binDirs.join(', ')}`);
  }
}
