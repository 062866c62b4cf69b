/** What a lab runs on the host itself, each under a supervisor of its own, in a control group beside those of the machines. */
import { join } from 'node:path';
import { labPlaces } from './places.ts';
import { machineCgroup, type HostFacts } from './scripts.ts';
import { quote, words } from './shell.ts';

/** The supervisor's folder: `run` in it is what it keeps alive, `log` what that prints. */
export function supervisedFolder(lab: string, name: string): string {
  return join(labPlaces(lab).lab, name);
}

/** Starts a supervisor in the background; the environment stays, since it may name a proxy. */
export function superviseScript(lab: string, name: string, host: HostFacts): string {
  const group = machineCgroup(host.cgroupRoot, lab, name);
  const place = supervisedFolder(lab, name);
  return [
    words('mkdir', '-p', group),
    '(',
    // A descriptor that a caller left open would otherwise live as long as this.
    '  for fd in /proc/$BASHPID/fd/*; do fd=${fd##*/}; if [ "$fd" -gt 2 ]; then eval "exec $fd>&-"; fi; done',
    `  echo $BASHPID > ${quote(`${group}/cgroup.procs`)}`,
    `  cd /; exec ${words('setsid', 's6-supervise', place)}`,
    `) < /dev/null > ${quote(`${place}/log`)} 2>&1 &`,
  ].join('\n');
}
