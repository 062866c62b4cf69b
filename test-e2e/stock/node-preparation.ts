/** What a machine of the lab needs before a stock containerd and kubelet can run in it, as a script. Pure. */

/** The kubelet writes them though they are the whole machine's: it finds what it wants and leaves them. */
const kubeletSettings = {
  'vm/overcommit_memory': 1,
  'vm/panic_on_oom': 0,
  'kernel/panic': 10,
  'kernel/panic_on_oops': 1,
  'kernel/keys/root_maxkeys': 1_000_000,
  'kernel/keys/root_maxbytes': 25_000_000,
} as const;

const controllers = ['cpu', 'cpuacct', 'cpuset', 'memory', 'devices', 'freezer', 'blkio', 'pids'];

export interface NodePreparation {
  /** The plugin that containerd wants for `lo`. */
  readonly loopback: string;
  readonly cgroupRoot: string;
}

/**
 * Where the controllers are those of cgroup v1 (`/proc/cgroups` tells their hierarchies), the lab's cgroup v2 has none: they are mounted
 * over it. All machines share one tree there, so each has a folder of its own. Folders of plugins are the machine's own.
 */
export function nodePreparation({ loopback, cgroupRoot }: NodePreparation): string {
  return `#!/bin/sh
set -eu
if [ ! -e /run/stock-prepared ]; then
  mount -t tmpfs tmpfs /opt
  mkdir -p /opt/cni/bin
  cp ${loopback} /opt/cni/bin/
  mount -t tmpfs tmpfs /etc/cni
  mkdir -p /etc/cni/net.d
  mkdir -p /run/stock-settings
${Object.entries(kubeletSettings)
  .map(
    ([path, value]) =>
      `  echo ${value} > /run/stock-settings/${path.replaceAll('/', '.')}; mount --bind /run/stock-settings/${path.replaceAll('/', '.')} /proc/sys/${path}`,
  )
  .join('\n')}
  if grep -Eq '^memory[[:space:]]+[1-9]' /proc/cgroups; then
    mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
    for controller in ${controllers.join(' ')}; do
      mkdir /sys/fs/cgroup/$controller
      mount -t cgroup -o $controller cgroup /sys/fs/cgroup/$controller || { rmdir /sys/fs/cgroup/$controller; continue; }
      mkdir -p /sys/fs/cgroup/$controller${cgroupRoot}
    done
    for file in cpuset.cpus cpuset.mems; do
      cat /sys/fs/cgroup/cpuset/$file > /sys/fs/cgroup/cpuset${cgroupRoot}/$file
    done
    mkdir /sys/fs/cgroup/systemd
    mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
    mkdir -p /sys/fs/cgroup/systemd${cgroupRoot}
  else
    mkdir -p /sys/fs/cgroup${cgroupRoot}
  fi
  touch /run/stock-prepared
fi
exec "$@"
`;
}
