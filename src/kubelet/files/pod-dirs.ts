/** Where a pod's files lie on the node. */
import { join } from 'node:path';
import type { Pod } from '../../api/types.gen.ts';

export interface PodDirs {
  /** `STATE/pods` */
  readonly all: string;
  /** Everything the kubelet keeps of one pod. */
  pod(uid: string): string;
  /** The folder of one volume: `STATE/pods/UID/volumes/NAME`. */
  volume(uid: string, name: string): string;
  hosts(uid: string): string;
  backOff(uid: string): string;
  /** A container's termination message: the file mounted at its terminationMessagePath. */
  terminationLog(uid: string, container: string, attempt: number): string;
  /** `LOGS/NAMESPACE_NAME_UID` */
  logs(pod: Pod): string;
  /** `LOGS/NAMESPACE_NAME_UID/CONTAINER/ATTEMPT.log` */
  log(pod: Pod, container: string, attempt: number): string;
}

/** A part of a path that came from the API: never a way out of its folder. */
function part(name: string): string {
  if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0')) {
    throw new Error(`not a file name: ${JSON.stringify(name)}`);
  }
  return name;
}

/** Paths under the node's state folder and its folder of logs. Nothing is made. */
export function createPodDirs(stateDir: string, logDir: string): PodDirs {
  const all = join(stateDir, 'pods');
  const pod = (uid: string): string => join(all, part(uid));
  const logs = ({ metadata }: Pod): string =>
    join(logDir, part(`${metadata.namespace ?? ''}_${metadata.name ?? ''}_${metadata.uid ?? ''}`));
  return {
    all,
    pod,
    volume: (uid, name) => join(pod(uid), 'volumes', part(name)),
    hosts: (uid) => join(pod(uid), 'etc-hosts'),
    backOff: (uid) => join(pod(uid), 'back-off.json'),
    terminationLog: (uid, container, attempt) =>
      join(pod(uid), 'containers', part(container), `${attempt}.termination`),
    logs,
    log: (of, container, attempt) => join(logs(of), part(container), `${attempt}.log`),
  };
}
