/** The files that a sandbox shares with its containers. */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Mount } from '../contract.ts';
import type { Places } from './places.ts';
import type { SandboxRecord } from './records.ts';

/** What the sandbox brings into each of its containers, unless the pod mounts something else there. */
export function sandboxMounts(places: Places, record: SandboxRecord): Mount[] {
  const folder = places.sandboxRun(record.id);
  return [
    { hostPath: join(folder, 'hostname'), containerPath: '/etc/hostname', readOnly: false },
    { hostPath: join(folder, 'resolv.conf'), containerPath: '/etc/resolv.conf', readOnly: false },
    {
      hostPath: record.config.hostIPC === true ? '/dev/shm' : join(folder, 'shm'),
      containerPath: '/dev/shm',
      readOnly: false,
    },
  ];
}

/** Writes them; they lie under the run folder and go with the sandbox. */
export function writeSandboxFiles(places: Places, { id, config }: SandboxRecord): void {
  const folder = places.sandboxRun(id);
  const shm = join(folder, 'shm');
  mkdirSync(shm, { recursive: true, mode: 0o711 });
  chmodSync(shm, 0o1777); // shared by the pod's containers, as their ipc namespace is
  writeFileSync(join(folder, 'hostname'), `${config.hostname}\n`, { mode: 0o644 });
  writeFileSync(join(folder, 'resolv.conf'), config.resolvConf ?? ownResolvConf(), { mode: 0o644 });
}

function ownResolvConf(): string {
  try {
    return readFileSync('/etc/resolv.conf', 'utf8');
  } catch {
    return '';
  }
}
