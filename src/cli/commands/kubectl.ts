import type { CommandModule } from 'yargs';
import { existsSync } from 'node:fs';
import { CommandError } from '../../kernel/exec.ts';
import { checkLabName, defaultConfig, labPlaces, LabError, requireLabFile } from '../../lab/index.ts';
import { runInForeground } from '../foreground.ts';
import { machinePaths } from '../machine/places.ts';

/** Only for the list of commands: everything after `kubectl` is kubectl's, so that the parser must not see it. */
export const kubectlCommand: CommandModule = {
  command: 'kubectl [--name LAB] ARGS…',
  describe: 'the kubectl of this machine, signed in to the lab as its admin, or to the cluster that this machine is of',
  handler: () => undefined,
};

/** Runs the machine's own kubectl with these arguments and takes over its exit code. `--name LAB` may stand first. */
export async function runKubectl(args: readonly string[]): Promise<void> {
  const { name, rest } = takeName(args);
  const isLab = rest !== args || existsSync(labPlaces(name).kubeconfig);
  const machine = isLab ? undefined : machineKubeconfig();
  if (machine === undefined) await requireLabFile(name);
  const kubeconfig = machine ?? labPlaces(name).kubeconfig;
  try {
    process.exitCode = await runInForeground(['kubectl', ...rest], { KUBECONFIG: kubeconfig });
  } catch (error) {
    if (!(error instanceof CommandError && error.missing)) throw error;
    throw new LabError(
      'there is no kubectl on the path: take 1.29 or later from https://kubernetes.io/docs/tasks/tools/',
    );
  }
}

/** That of a control plane's administrator, or that of a node, which may read some. Undefined where this is neither. */
function machineKubeconfig(): string | undefined {
  return [machinePaths.adminKubeconfig, machinePaths.agentKubeconfig].find((path) => existsSync(path));
}

/** Cuts a leading `--name LAB` or `--name=LAB` off. */
export function takeName(args: readonly string[]): { readonly name: string; readonly rest: readonly string[] } {
  const [first = '', second] = args;
  if (first === '--name' && second !== undefined) return { name: checkLabName(second), rest: args.slice(2) };
  if (first.startsWith('--name=')) return { name: checkLabName(first.slice('--name='.length)), rest: args.slice(1) };
  return { name: defaultConfig.name, rest: args };
}
