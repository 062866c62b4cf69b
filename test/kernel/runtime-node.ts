/** A node's runtime on a kernel's worth of throw-away namespaces: own mounts, processes, /run, and a cgroup2 tree. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { silentLogger } from '../../src/api/logger.ts';
import type { Exec } from '../../src/kernel/exec.ts';
import { mountsUnder } from '../../src/kernel/mount.ts';
import { createDirectExec } from '../../src/kernel/run-process.ts';
import { createBuiltinRuntime } from '../../src/runtime/builtin/index.ts';
import type {
  ContainerConfig,
  PodNetwork,
  PodSandboxConfig,
  RuntimeEvent,
  RuntimeService,
} from '../../src/runtime/contract.ts';

const marker = 'PODWIRE_TEST_INSIDE';
const base = '/run/podwire-test';
/** The tree of control groups is the whole machine's: a name of this run. */
export const cgroupParent = `/podwire-test-${Date.now().toString(36)}`;

/** True when this process already lives in namespaces of its own. */
export const isInside = process.env[marker] !== undefined;

/** Runs a test file again in new namespaces, with a first process that reaps, as every machine has one. Fails with its output. */
export async function runInside(file: string): Promise<void> {
  const namespaces = ['unshare', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--'];
  // The test runner's variable would make the inner run report in a language for its parent.
  const result = await createDirectExec().run({
    argv: ['env', '-u', 'NODE_TEST_CONTEXT', ...namespaces, 'catatonit', '--', process.execPath, file],
    env: { [marker]: '1' },
    timeoutMs: 120_000,
    okExitCodes: [0, 1, 7],
  });
  if (process.env.PODWIRE_TEST_SHOW !== undefined) process.stderr.write(result.stdout);
  assert.equal(result.exitCode, 0, result.stdout + result.stderr);
}

/** Mounts what the runtime expects of a machine. */
export async function prepareMachine(exec: Exec): Promise<void> {
  await exec.run({ argv: ['mount', '-t', 'cgroup2', 'cgroup2', '/sys/fs/cgroup'] });
  await exec.run({ argv: ['mount', '-t', 'tmpfs', 'tmpfs', '/run'] });
  mkdirSync('/run/netns');
  await exec.run({ argv: ['mount', '--bind', '/run/netns', '/run/netns'] }); // as `ip netns add` would, the first time
  await exec.run({ argv: ['mount', '--make-shared', '/run/netns'] });
}

/** A pod's network that is only a namespace. */
export function bareNetwork(exec: Exec): PodNetwork & { readonly names: Set<string> } {
  const names = new Set<string>();
  return {
    names,
    async setUp({ uid }) {
      const name = `pw-${uid}`;
      if (!names.has(name)) {
        await exec.run({ argv: ['ip', 'netns', 'add', name] });
        await exec.run({ argv: ['ip', '-n', name, 'link', 'set', 'lo', 'up'] });
      }
      names.add(name);
      return { netns: `/run/netns/${name}`, ips: ['10.9.9.9'] };
    },
    async tearDown({ uid }) {
      if (names.delete(`pw-${uid}`)) await exec.run({ argv: ['ip', 'netns', 'delete', `pw-${uid}`] });
    },
  };
}

export interface TestNode {
  readonly runtime: RuntimeService;
  readonly images: ReturnType<typeof createBuiltinRuntime>['images'];
  readonly events: RuntimeEvent[];
  /** Resolves when an event of that kind for that ID came, also when it came before. */
  seen(type: RuntimeEvent['type'], id: string): Promise<void>;
}

/** A runtime over the test machine's folders: a second one adopts what the first one made. */
export async function startNode(exec: Exec, network: PodNetwork): Promise<TestNode> {
  const { runtime, images } = createBuiltinRuntime({
    exec,
    stateDir: `${base}/state`,
    runDir: `${base}/run`,
    imageDir: `${base}/images`,
    network,
    cgroupParent,
    logger: silentLogger,
    ...(process.env.PODWIRE_TEST_OCI === 'runc' ? { ociRuntime: 'runc' } : {}),
  });
  const events: RuntimeEvent[] = [];
  const wakers = new Set<() => void>();
  runtime.onEvent((event) => {
    events.push(event);
    for (const wake of wakers) wake();
  });
  await runtime.start();
  const seen = (type: RuntimeEvent['type'], id: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no ${type} of ${id} in 5 s`)), 5_000);
      const look = (): void => {
        if (!events.some((event) => event.type === type && event.id === id)) return;
        wakers.delete(look);
        clearTimeout(timer);
        resolve();
      };
      wakers.add(look);
      look();
    });
  return { runtime, images, events, seen };
}

export function sandboxConfig(name: string, more: Partial<PodSandboxConfig> = {}): PodSandboxConfig {
  const pod = { namespace: 'default', name, uid: `uid-${name}`, attempt: 0 };
  return {
    pod,
    hostname: name,
    hostNetwork: false,
    resolvConf: 'nameserver 10.46.0.10\n',
    labels: {},
    annotations: {},
    ...more,
  };
}

export function containerConfig(imageId: string, script: string, more: Partial<ContainerConfig> = {}): ContainerConfig {
  return {
    name: 'main',
    attempt: 0,
    imageId,
    command: ['sh', '-c', script],
    args: [],
    env: [],
    mounts: [],
    tty: false,
    stdin: false,
    privileged: false,
    addCapabilities: [],
    dropCapabilities: [],
    readOnlyRootfs: false,
    logPath: `${base}/logs/${script.length}-${Math.random()}.log`,
    labels: {},
    ...more,
  };
}

/** What a runtime could leave: mounts, processes, control groups, files under the run folder. */
export function machineState(): Record<string, readonly string[]> {
  const processes = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => commandOf(pid))
    .filter((line) => /conmon|crun|runc|\/pause|sleep|busybox/.test(line));
  const groups = readdirSync(`/sys/fs/cgroup${cgroupParent}`, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
  const files = readdirSync(base, { recursive: true, encoding: 'utf8' }).filter(
    (path) => /[0-9a-f]{64}/.test(path) && !path.startsWith('images/blobs'),
  );
  return {
    // Only ours: what other labs of this machine mount and unmount shows here as well.
    mounts: mountsUnder(base),
    processes,
    groups,
    files,
    netns: readdirSync('/run/netns'),
  };
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}
