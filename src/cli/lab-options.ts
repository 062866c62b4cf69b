/** What the commands of the lab have in common. */
import { statSync } from 'node:fs';
import { createDirectExec } from '../kernel/run-process.ts';
import type { Exec } from '../kernel/exec.ts';
import { createLab, defaultConfig, podwireServices, type Lab, type LabOptions, type Program } from '../lab/index.ts';
import { LabError } from '../lab/index.ts';

export const nameOption = {
  name: { type: 'string', default: defaultConfig.name, requiresArg: true, describe: 'which lab' },
} as const;

/** The bundle (or the source) that runs now, for the machines to run as well. */
export function ownProgram(): Program {
  const script = process.argv[1];
  if (script === undefined) throw new LabError('cannot tell which file this program is');
  for (const path of [script, process.execPath])
    if (/^\/(run|var\/lib|var\/log|proc|sys)\//.test(path))
      throw new LabError(
        `${path}: machines have a /run, /var/lib and /var/log of their own: keep the program elsewhere`,
      );
  statSync(script);
  return { node: process.execPath, script };
}

/** The lab that `--name` names. Throws unless run as root. */
export function openLab(
  name: string,
  hear: Pick<LabOptions, 'report' | 'settle'> = {},
): { readonly lab: Lab; readonly exec: Exec } {
  if (process.getuid?.() !== 0)
    throw new LabError('the lab is made of namespaces, mounts and links: run this as root (sudo)');
  const exec = createDirectExec();
  const program = ownProgram();
  const lab = createLab({
    name,
    exec,
    program,
    servicesOf: podwireServices(program),
    ...hear,
  });
  return { lab, exec };
}
