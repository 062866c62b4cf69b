/** A lab of three nodes as the stories see it: by the command line and by stock kubectl, as a user would. */
import { execa } from 'execa';
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeList, KubeObject } from '../src/api/client.ts';
import type { Node, Pod } from '../src/api/types.gen.ts';

const ROOT = join(import.meta.dirname, '..');
/** Characters of each file of a dump that a failed run prints. */
const shownOfFile = 20_000;

/** What a command left; nothing is thrown for a failed one when `mayFail`. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  readonly mayFail?: boolean;
  readonly timeoutMs?: number;
}

/** Runs a program on the host; an unexpected failure shows everything that it printed. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const [program, ...args] = argv;
  assert.ok(program);
  const result = await execa(program, args, {
    reject: false,
    timeout: options.timeoutMs ?? 120_000,
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
  });
  const outcome = { code: result.exitCode ?? -1, stdout: result.stdout, stderr: result.stderr };
  if (outcome.code !== 0 && options.mayFail !== true) {
    assert.fail(
      `${argv.join(' ')} ended with ${outcome.code}\n${result.shortMessage}\n${outcome.stdout}\n${outcome.stderr}`,
    );
  }
  return outcome;
}

export class Lab {
  readonly name: string;
  /** How many nodes it has. */
  readonly size: number = 3;
  /** How many times longer than here things may take. */
  readonly slowness: number = 1;
  #kubeconfig = '';

  constructor(name: string) {
    this.name = name;
  }

  /** Its path, once it is up. */
  get kubeconfig(): string {
    return this.#kubeconfig;
  }

  /** `kubectl`'s own bound of a wait. */
  timeout(seconds: number): string {
    return `--timeout=${seconds * this.slowness}s`;
  }

  /** As the function of that name. */
  async eventually<T>(what: string, probe: () => Promise<T | undefined | false>): Promise<T> {
    return eventually(what, probe, 30_000 * this.slowness);
  }

  /** `podwire ARGS --name LAB` */
  async podwire(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    const [command, ...rest] = args;
    assert.ok(command);
    return run([join(ROOT, 'scripts/podwire'), command, '--name', this.name, ...rest], options);
  }

  async up(extra: readonly string[] = []): Promise<Outcome> {
    const outcome = await this.podwire(['up', ...extra], { timeoutMs: 180_000 });
    this.#kubeconfig = (await this.podwire(['kubeconfig'])).stdout.trim();
    return outcome;
  }

  /** Stock kubectl from the host's own shell. */
  async kubectl(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    return run(['kubectl', '--kubeconfig', this.#kubeconfig, ...args], options);
  }

  /** A kubectl that goes on until the caller ends it. */
  kubectlProcess(args: readonly string[]): ReturnType<typeof execa> {
    return execa('kubectl', ['--kubeconfig', this.#kubeconfig, ...args], { reject: false, stdin: 'ignore' });
  }

  async get<T extends KubeObject>(args: readonly string[]): Promise<T> {
    return JSON.parse((await this.kubectl(['get', ...args, '-o', 'json'])).stdout) as T;
  }

  async list<T extends KubeObject>(args: readonly string[]): Promise<T[]> {
    return (JSON.parse((await this.kubectl(['get', ...args, '-o', 'json'])).stdout) as KubeList<T>).items;
  }

  async pods(selector: string): Promise<Pod[]> {
    return this.list<Pod>(['pods', '-l', selector]);
  }

  async nodes(): Promise<Node[]> {
    return this.list<Node>(['nodes']);
  }

  async apply(...objects: readonly object[]): Promise<void> {
    const list = { apiVersion: 'v1', kind: 'List', items: objects };
    await this.kubectl(['apply', '-f', '-'], { input: JSON.stringify(list) });
  }

  /** In a container of a pod, by `kubectl exec`. */
  async inPod(pod: string, argv: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    return this.kubectl(['exec', pod, '--', ...argv], options);
  }

  /** In a node's namespaces, by `podwire node exec`. */
  async onNode(node: string, argv: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    return run([join(ROOT, 'scripts/podwire'), 'node', 'exec', '--name', this.name, node, '--', ...argv], options);
  }

  /** `podwire node start|stop MACHINE` */
  async machine(verb: 'start' | 'stop', machine: string): Promise<Outcome> {
    return run([join(ROOT, 'scripts/podwire'), 'node', verb, '--name', this.name, machine]);
  }

  /** What the agent of a node (or the control plane) has said. */
  async nodeLogs(machine: string): Promise<Outcome> {
    return run([join(ROOT, 'scripts/podwire'), 'node', 'logs', '--name', this.name, machine]);
  }

  /** Everything one needs to see why a story failed: what `podwire dump` writes, a file after the other, the end of long ones. */
  async dump(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), `podwire-dump-${this.name}-`));
    try {
      await this.podwire(['dump', folder], { mayFail: true, timeoutMs: 60_000 });
      const entries = await readdir(folder, { recursive: true, withFileTypes: true });
      const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
      const parts = paths.sort().map(async (path) => {
        const text = await readFile(path, 'utf8');
        return `--- ${relative(folder, path)}\n${text.slice(-shownOfFile)}\n`;
      });
      return (await Promise.all(parts)).join('');
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

/** Asks until `probe` gives something; the bound is generous on purpose: promises are measured in bench/, not here. */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T | undefined | false>,
  boundMs = 30_000,
): Promise<T> {
  const end = Date.now() + boundMs;
  let last: unknown;
  for (;;) {
    try {
      const value = await probe();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end)
      assert.fail(`not within ${boundMs / 1000} s: ${what}${last instanceof Error ? `\n${last.message}` : ''}`);
    await sleep(100);
  }
}
