import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerConfig } from '../contract.ts';
import { capabilitiesIn, capabilitySet } from './capabilities.ts';
import { commandLine, containerSpec, type ContainerSpecInput } from './container-spec.ts';
import { containerNamespaces, pauseSpec } from './pause-spec.ts';

const config: ContainerConfig = {
  name: 'web',
  attempt: 0,
  imageId: 'sha256:00',
  command: [],
  args: [],
  env: [
    { name: 'PORT', value: '80' },
    { name: 'PATH', value: '/bin' },
  ],
  mounts: [
    { hostPath: '/v/data', containerPath: '/data/sub', readOnly: true },
    { hostPath: '/v/root', containerPath: '/data', readOnly: false },
    { hostPath: '/v/hosts', containerPath: '/etc/hosts', readOnly: false },
  ],
  tty: false,
  stdin: false,
  privileged: false,
  addCapabilities: ['NET_ADMIN'],
  dropCapabilities: ['cap_chown'],
  readOnlyRootfs: true,
  logPath: '/log',
  labels: {},
  resources: { cpuShares: 512, cpuQuotaMicros: 50_000, memoryBytes: 1 << 20 },
};

const input: ContainerSpecInput = {
  config,
  image: { Env: ['PATH=/usr/bin', 'MODE=fast'], Entrypoint: ['httpd'], Cmd: ['-f'], WorkingDir: '/srv' },
  user: { uid: 33, gid: 33, additionalGids: [7], home: '/var/www' },
  hostname: 'web-1',
  rootfs: '/run/rootfs/1',
  cgroupsPath: '/podwire/podu/c',
  namespaces: [{ type: 'mount' }, { type: 'network', path: '/run/netns/x' }],
  sandboxMounts: [
    { hostPath: '/s/hosts', containerPath: '/etc/hosts', readOnly: false },
    { hostPath: '/s/shm', containerPath: '/dev/shm', readOnly: false },
  ],
  host: {
    capabilities: ['CAP_CHOWN', 'CAP_KILL', 'CAP_NET_ADMIN', 'CAP_SYS_ADMIN'],
    deviceRules: true,
    cgroupNamespace: true,
    controllers: ['cpu', 'memory'],
  },
};

test('the process: command, variables, user, rights', () => {
  assert.deepEqual(containerSpec(input).process, {
    terminal: false,
    user: { uid: 33, gid: 33, additionalGids: [7] },
    args: ['httpd', '-f'],
    env: ['PATH=/bin', 'HOSTNAME=web-1', 'HOME=/var/www', 'MODE=fast', 'PORT=80'],
    cwd: '/srv',
    capabilities: {
      bounding: ['CAP_KILL', 'CAP_NET_ADMIN'],
      effective: ['CAP_KILL', 'CAP_NET_ADMIN'],
      permitted: ['CAP_KILL', 'CAP_NET_ADMIN'],
    },
    noNewPrivileges: false,
  });
});

test('no new privileges when asked for, and no root where the pod forbids it, whatever the image says', () => {
  assert.equal(containerSpec({ ...input, config: { ...config, noNewPrivileges: true } }).process.noNewPrivileges, true);
  const careful = { ...config, runAsNonRoot: true };
  assert.equal(containerSpec({ ...input, config: careful }).process.user.uid, 33);
  const user = { ...input.user, uid: 0 };
  assert.throws(() => containerSpec({ ...input, config: careful, user }), /runAsNonRoot and image will run as root/);
});

test('mounts: the kernel’s, then parents before children; the pod’s own hosts file wins', () => {
  const mounts = containerSpec(input).mounts.map(
    ({ destination, source, options }) => `${source} ${destination} ${options.at(-1)}`,
  );
  assert.deepEqual(mounts, [
    'proc /proc nodev',
    'tmpfs /dev size=65536k',
    'devpts /dev/pts gid=5',
    'mqueue /dev/mqueue nodev',
    'sysfs /sys ro',
    'cgroup /sys/fs/cgroup ro',
    '/v/root /data rw',
    '/s/shm /dev/shm rw',
    '/v/data /data/sub ro',
    '/v/hosts /etc/hosts rw',
  ]);
});

test('mounts that are made later are seen by the other side only where a volume says so', () => {
  const withMounts = (...propagations: ('HostToContainer' | 'Bidirectional' | undefined)[]) => {
    const mounts = propagations.map((propagation, index) => ({
      ...{ hostPath: '/h', containerPath: `/c${index}`, readOnly: false },
      ...(propagation === undefined ? {} : { propagation }),
    }));
    const { linux, mounts: made } = containerSpec({ ...input, config: { ...config, mounts } });
    return [linux.rootfsPropagation, ...made.filter(({ source }) => source === '/h').map(({ options }) => options[1])];
  };
  assert.deepEqual(withMounts(undefined), [undefined, 'rprivate']);
  assert.deepEqual(withMounts('HostToContainer', undefined), ['rslave', 'rslave', 'rprivate']);
  assert.deepEqual(withMounts('HostToContainer', 'Bidirectional'), ['rshared', 'rslave', 'rshared']);
});

test('the kernel’s side: namespaces, limits, hidden paths', () => {
  const { linux, root } = containerSpec(input);
  assert.deepEqual(root, { path: '/run/rootfs/1', readonly: true });
  assert.deepEqual(linux.namespaces, [
    { type: 'mount' },
    { type: 'network', path: '/run/netns/x' },
    { type: 'cgroup' },
  ]);
  assert.deepEqual(linux.resources?.memory, { limit: 1_048_576 });
  assert.deepEqual(linux.resources?.cpu, { shares: 512, quota: 50_000, period: 100_000 });
  assert.deepEqual(linux.resources?.devices?.[0], { allow: false, access: 'rwm' });
  assert.ok(linux.maskedPaths?.includes('/proc/kcore'));
  assert.ok(linux.readonlyPaths?.includes('/proc/sys'));
});

test('what the machine cannot do is left out', () => {
  const host = { ...input.host, deviceRules: false, cgroupNamespace: false, controllers: ['pids'] };
  const { linux } = containerSpec({ ...input, host });
  assert.deepEqual(linux.resources, {});
  assert.equal(
    linux.namespaces.some(({ type }) => type === 'cgroup'),
    false,
  );
});

test('no device files where no rule guards devices, but for the privileged', () => {
  const rights = (deviceRules: boolean, privileged: boolean): readonly string[] => {
    const host = { ...input.host, deviceRules, capabilities: ['CAP_KILL', 'CAP_MKNOD'] };
    const wanted = { ...config, privileged, addCapabilities: ['MKNOD'] };
    return containerSpec({ ...input, host, config: wanted }).process.capabilities.bounding;
  };
  assert.deepEqual(rights(true, false), ['CAP_KILL', 'CAP_MKNOD']);
  assert.deepEqual(rights(false, false), ['CAP_KILL']);
  assert.deepEqual(rights(false, true), ['CAP_KILL', 'CAP_MKNOD']);
});

test('privileged: every right there is, nothing hidden, /sys writable', () => {
  const spec = containerSpec({ ...input, config: { ...config, privileged: true } });
  assert.deepEqual(spec.process.capabilities.effective, input.host.capabilities);
  assert.equal(spec.linux.maskedPaths, undefined);
  assert.deepEqual(spec.linux.resources?.devices, [{ allow: true, access: 'rwm' }]);
  assert.equal(spec.mounts.find(({ destination }) => destination === '/sys')?.options.at(-1), 'rw');
});

test('command and args against ENTRYPOINT and CMD', () => {
  const image = { Entrypoint: ['e'], Cmd: ['c'] };
  assert.deepEqual(commandLine({ command: [], args: [] }, image), ['e', 'c']);
  assert.deepEqual(commandLine({ command: [], args: ['a'] }, image), ['e', 'a']);
  assert.deepEqual(commandLine({ command: ['x'], args: [] }, image), ['x']);
  assert.deepEqual(commandLine({ command: ['x'], args: ['a'] }, image), ['x', 'a']);
  assert.throws(() => commandLine({ command: [], args: [] }, {}), /which command to run/);
});

test('capabilities: masks, ALL, and what we do not have ourselves', () => {
  assert.deepEqual(capabilitiesIn('CapPrm:\tffff\nCapBnd:\t0000000001000021\n', 'CapBnd'), [
    'CAP_CHOWN',
    'CAP_KILL',
    'CAP_SYS_RESOURCE',
  ]);
  const wanted = (add: string[], drop: string[]) => ({
    privileged: false,
    addCapabilities: add,
    dropCapabilities: drop,
  });
  const available = ['CAP_CHOWN', 'CAP_KILL', 'CAP_SYS_ADMIN'];
  assert.deepEqual(capabilitySet(wanted([], []), available), ['CAP_CHOWN', 'CAP_KILL']);
  assert.deepEqual(capabilitySet(wanted(['ALL'], ['KILL']), available), ['CAP_CHOWN', 'CAP_SYS_ADMIN']);
  assert.deepEqual(capabilitySet(wanted(['KILL'], ['ALL']), available), ['CAP_KILL']);
  assert.deepEqual(capabilitySet(wanted(['SYS_TIME'], []), available), ['CAP_CHOWN', 'CAP_KILL']);
});

const sandbox = {
  pod: { namespace: 'default', name: 'web', uid: 'u', attempt: 0 },
  hostname: 'web-1',
  hostNetwork: false,
  labels: {},
  annotations: {},
};

test('the pause process: no rights, its own ipc and uts, the pod’s network', () => {
  const spec = pauseSpec({
    config: sandbox,
    root: '/pause',
    netns: '/run/netns/x',
    cgroupsPath: '/g',
    host: input.host,
  });
  assert.deepEqual(spec.process.capabilities.bounding, []);
  assert.equal(spec.process.user.uid, 65_535);
  assert.equal(spec.hostname, 'web-1');
  assert.deepEqual(
    spec.linux.namespaces.map(({ type }) => type),
    ['mount', 'pid', 'network', 'ipc', 'uts'],
  );
  assert.equal(spec.linux.sysctl?.['net.ipv4.ip_unprivileged_port_start'], '0');
});

test('the host’s network: neither its name nor its settings are touched', () => {
  const config = { ...sandbox, hostNetwork: true };
  const spec = pauseSpec({ config, root: '/pause', netns: undefined, cgroupsPath: '/g', host: input.host });
  assert.equal(spec.hostname, undefined);
  assert.equal(spec.linux.sysctl, undefined);
  assert.deepEqual(
    spec.linux.namespaces.map(({ type }) => type),
    ['mount', 'pid', 'ipc'],
  );
  assert.deepEqual(containerNamespaces(config, undefined, 42), [
    { type: 'mount' },
    { type: 'pid' },
    { type: 'ipc', path: '/proc/42/ns/ipc' },
  ]);
});

test('containers join the pause process; the host’s where the pod asks for it', () => {
  assert.deepEqual(containerNamespaces(sandbox, '/run/netns/x', 42), [
    { type: 'mount' },
    { type: 'pid' },
    { type: 'network', path: '/run/netns/x' },
    { type: 'ipc', path: '/proc/42/ns/ipc' },
    { type: 'uts', path: '/proc/42/ns/uts' },
  ]);
  const open = containerNamespaces({ ...sandbox, hostPID: true, hostIPC: true }, '/n', 42);
  assert.deepEqual(
    open.map(({ type }) => type),
    ['mount', 'network', 'uts'],
  );
  const shared = containerNamespaces({ ...sandbox, sharePID: true }, undefined, 42);
  assert.deepEqual(shared[1], { type: 'pid', path: '/proc/42/ns/pid' });
});

test('settings that a pod asks for win over those that every pod has', () => {
  const sysctls = { 'net.ipv4.ip_unprivileged_port_start': '1024', 'kernel.shm_rmid_forced': '1' };
  const place = { root: '/pause', netns: '/n', cgroupsPath: '/g', host: input.host };
  assert.deepEqual(pauseSpec({ ...place, config: { ...sandbox, sysctls } }).linux.sysctl, {
    'net.ipv4.ip_unprivileged_port_start': '1024',
    'net.ipv4.ping_group_range': '0 2147483647',
    'kernel.shm_rmid_forced': '1',
  });
});
