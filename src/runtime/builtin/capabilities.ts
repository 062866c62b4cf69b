/** Linux capabilities as numbers, names and sets (capabilities(7)). Pure. */

/** In the kernel's order: the place is the bit. */
const names = (
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN ' +
  'NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME ' +
  'SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ ' +
  'PERFMON BPF CHECKPOINT_RESTORE'
)
  .split(' ')
  .map((name) => `CAP_${name}`);

/** What a container gets when nothing is said: the set that runtimes of the field agree on. */
const defaults =
  'CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE'
    .split(' ')
    .map((name) => `CAP_${name}`);

/** The names in a mask of `/proc/PID/status`, e.g. of its `CapBnd` line. */
export function capabilitiesIn(status: string, line: 'CapBnd' | 'CapEff'): string[] {
  const hex = new RegExp(`^${line}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1] ?? '0';
  const mask = BigInt(`0x${hex}`);
  return names.filter((_name, bit) => (mask >> BigInt(bit)) & 1n);
}

/** The set for a container. `available` is what we may hand on; a name that is not there is left out. `ALL` means what it says. */
export function capabilitySet(
  wanted: {
    readonly privileged: boolean;
    readonly addCapabilities: readonly string[];
    readonly dropCapabilities: readonly string[];
  },
  available: readonly string[],
): string[] {
  if (wanted.privileged) return [...available];
  const add = wanted.addCapabilities.map(fullName);
  const drop = wanted.dropCapabilities.map(fullName);
  const base = add.includes('CAP_ALL') ? available : drop.includes('CAP_ALL') ? [] : defaults;
  const set = new Set([...base.filter((name) => !drop.includes(name)), ...add]);
  return names.filter((name) => set.has(name) && available.includes(name));
}

function fullName(name: string): string {
  const upper = name.toUpperCase();
  return upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
}
