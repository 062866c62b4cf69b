/** A cluster on virtual machines, made by the Vagrantfile, where stories look for a lab. Runs where `scripts/vagrant-e2e` put it. */
import { execa } from 'execa';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Node } from '../../src/api/types.gen.ts';
import { isConditionTrue } from '../../src/api/conditions.ts';
import { Lab, run, type Outcome, type RunOptions } from '../lab.ts';

const vagrantLimitMs = 600_000;

export class VirtualMachines extends Lab {
  override readonly size = 2;
  /** Software emulation: a machine is ten times slower than this one. */
  override readonly slowness = 5;
  readonly #ssh: string;
  readonly #kubeconfig: string;

  /** `stateFolder` is Vagrant's for this project (VAGRANT_DOTFILE_PATH). */
  constructor(stateFolder: string) {
    super('vms');
    this.#ssh = join(stateFolder, 'ssh-config');
    this.#kubeconfig = join(stateFolder, 'podwire.kubeconfig');
  }

  override get kubeconfig(): string {
    return this.#kubeconfig;
  }

  /** `vagrant ARGS`; addresses of machines may be others afterwards. */
  async vagrant(args: readonly string[]): Promise<Outcome> {
    const outcome = await run(['vagrant', ...args], { timeoutMs: vagrantLimitMs });
    await this.writeSshConfig();
    return outcome;
  }

  /** One connection a machine is kept: a new one costs seconds in there. */
  async writeSshConfig(): Promise<void> {
    const { stdout } = await run(['vagrant', 'ssh-config'], { mayFail: true });
    const kept = [
      'Host *',
      '  ControlMaster auto',
      `  ControlPath ${this.#ssh}-%h`,
      '  ControlPersist 60',
      '  LogLevel ERROR',
    ];
    await mkdir(dirname(this.#ssh), { recursive: true });
    await writeFile(this.#ssh, `${stdout}\n${kept.join('\n')}\n`);
  }

  /** Copies a folder of this checkout to where it is on a machine, `/vagrant`: what is not synced, as machines here have no internet. */
  async copy(folder: string, machine: string): Promise<void> {
    const from = join(import.meta.dirname, '../..', folder);
    await run(['rsync', '--archive', '-e', `ssh -F ${this.#ssh}`, from, `${machine}:/vagrant/`], {
      timeoutMs: vagrantLimitMs,
    });
  }

  /** As root on a machine, by ssh. */
  override async onNode(node: string, argv: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    const quoted = argv.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
    return run(['ssh', '-F', this.#ssh, node, `sudo ${quoted}`], options);
  }

  override async kubectl(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    return run(['kubectl', '--kubeconfig', this.#kubeconfig, ...args], options);
  }

  override kubectlProcess(args: readonly string[]): ReturnType<typeof execa> {
    return execa('kubectl', ['--kubeconfig', this.#kubeconfig, ...args], { reject: false, stdin: 'ignore' });
  }

  override async nodeLogs(machine: string): Promise<Outcome> {
    return this.onNode(machine, ['journalctl', '--no-pager', '-n', '200', '-o', 'cat', '-u', 'podwire-*'], {
      mayFail: true,
    });
  }

  /** Waits until every node has given a sign of life that it is Ready since then. */
  async allReady(since = new Date(0)): Promise<Node[]> {
    return this.eventually(`${this.size} nodes Ready`, async () => {
      const nodes = await this.nodes();
      const ready = nodes.filter(
        ({ status }) =>
          isConditionTrue(status?.conditions, 'Ready') &&
          status?.conditions?.some(({ lastHeartbeatTime: at }) => new Date(at ?? 0) >= since),
      );
      return ready.length === this.size && nodes;
    });
  }

  override async dump(): Promise<string> {
    const parts = ['control-plane', 'node1', 'node2'].map(async (machine) => {
      const { stdout } = await this.nodeLogs(machine);
      return `--- ${machine}\n${stdout.slice(-20_000)}\n`;
    });
    const { stdout } = await this.kubectl(['get', 'nodes,pods,events', '-A', '-o', 'wide'], { mayFail: true });
    return [stdout, ...(await Promise.all(parts))].join('\n');
  }
}
