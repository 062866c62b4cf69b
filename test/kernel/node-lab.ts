/**
 * Two nodes and an outside host for kernel tests: namespaces on a switch, made for one test file and gone after it, also when
 * a test fails. A node is a process of its own network and mount namespace with its own /run/netns.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { KubeObject } from '../../src/api/client.ts';
import type { EventRecorder } from '../../src/api/event-recorder.ts';
import { keyOf, type Change, type Informer, type InformerFactory } from '../../src/api/informer.ts';
import { silentLogger } from '../../src/api/logger.ts';
import type { Node } from '../../src/api/types.gen.ts';
import type { Command, CommandResult, Exec } from '../../src/kernel/exec.ts';
import { createDirectExec } from '../../src/kernel/run-process.ts';
import { startProcess, type RunningProcess, type StartOptions } from '../../src/kernel/start-process.ts';
import type { RememberedPod } from '../../src/network/contract.ts';
import { createNodeNetwork, type NodeNetwork, type NodeNetworkOptions } from '../../src/network/index.ts';
import { addressesOf, clusterCIDRs, clusterNodes, type NodeName } from '../cases/world.ts';

/** For `skip` of a test. */
export const noRoot = process.getuid?.() === 0 ? false : 'needs root for network namespaces';

const direct = createDirectExec();

/** Runs programs in one place, and counts them. */
export class PlaceExec implements Exec {
  readonly commands: string[] = [];
  /** Those that have not ended. */
  inFlight = 0;
  /** Throws when it returns an error: for crashes in the middle. */
  interfere: ((command: Command) => Error | undefined) | undefined;
  /** Other programs in the place of these. */
  programs: ReadonlyMap<string, string> = new Map();
  readonly #enter: readonly string[];

  constructor(enter: readonly string[]) {
    this.#enter = enter;
  }

  async run(command: Command): Promise<CommandResult> {
    this.commands.push(command.argv.join(' '));
    const error = this.interfere?.(command);
    if (error !== undefined) throw error;
    const { netns, argv, ...rest } = command;
    const inner = netns === undefined ? [] : ['nsenter', `--net=${netns}`, '--'];
    const [program, ...args] = argv;
    const called = [this.programs.get(program) ?? program, ...args];
    this.inFlight += 1;
    try {
      return await direct.run({ ...rest, argv: ['nsenter', ...this.#enter, '--', ...inner, ...called] });
    } finally {
      this.inFlight -= 1;
    }
  }

  start(options: StartOptions): Promise<RunningProcess> {
    this.commands.push(options.argv.join(' '));
    const [program, ...args] = options.argv;
    const called = [this.programs.get(program) ?? program, ...args];
    return startProcess({ ...options, argv: ['nsenter', ...this.#enter, '--', ...called] });
  }

  /** Words split at spaces; the output comes back. */
  async sh(text: string, okExitCodes: readonly number[] = [0]): Promise<string> {
    const [program = '', ...args] = text.split(' ');
    return (await this.run({ argv: [program, ...args], okExitCodes })).stdout;
  }

  async batch(lines: readonly string[]): Promise<void> {
    await this.run({ argv: ['ip', '-batch', '-'], stdin: lines.join('\n') });
  }
}

/** A process that holds namespaces: it ends with its standard input, so also when this process is killed. */
export class Place {
  readonly exec: PlaceExec;
  readonly pid: number;
  readonly #holder: ChildProcess;

  private constructor(holder: ChildProcess) {
    this.#holder = holder;
    this.pid = holder.pid ?? 0;
    this.exec = new PlaceExec(['-t', String(this.pid), '-n', '-m']);
  }

  static async make(): Promise<Place> {
    const script = 'mount -t tmpfs tmpfs /run && mkdir /run/netns && echo ready && exec cat';
    const argv = ['--net', '--mount', '--propagation', 'private', 'sh', '-c', script];
    const holder = spawn('unshare', argv, { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(holder.stdout, 'data');
    const place = new Place(holder);
    await place.exec.sh('ip link set lo up');
    return place;
  }

  /** The arguments that enter it (and a namespace inside it) for a server of the test's own. */
  argv(netns: string | undefined, argv: readonly string[]): string[] {
    const inner = netns === undefined ? [] : ['nsenter', `--net=${netns}`, '--'];
    return ['-t', String(this.pid), '-n', '-m', '--', ...inner, ...argv];
  }

  async end(): Promise<void> {
    // A relay outlives whoever started it, and would keep the namespaces.
    const relays = 'for file in /run/podwire/relay-*.pid; do [ ! -f "$file" ] || kill "$(cat "$file")"; done';
    await this.exec.run({ argv: ['sh', '-c', relays], okExitCodes: [0, 1] });
    const gone = once(this.#holder, 'exit');
    this.#holder.stdin?.end();
    await gone;
  }
}

/** An informer over a list that the test changes. */
export class FakeInformer<T extends KubeObject> implements Informer<T> {
  readonly synced = Promise.resolve();
  readonly hasSynced = true;
  readonly isCurrent = true;
  readonly #objects = new Map<string, T>();
  readonly #handlers = new Set<(change: Change<T>) => void>();
  indexes: Readonly<Record<string, (object: T) => readonly string[]>> = {};

  set(...objects: readonly T[]): void {
    for (const object of objects) {
      const previous = this.#objects.get(keyOf(object));
      this.#objects.set(keyOf(object), object);
      const change: Change<T> =
        previous === undefined ? { type: 'added', object } : { type: 'updated', object, previous };
      for (const handler of this.#handlers) handler(change);
    }
  }

  delete(key: string): void {
    const object = this.#objects.get(key);
    if (object === undefined) return;
    this.#objects.delete(key);
    for (const handler of this.#handlers) handler({ type: 'deleted', object, previous: object });
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  list(): readonly T[] {
    return [...this.#objects.values()];
  }

  byIndex(index: string, value: string): readonly T[] {
    return this.list().filter((object) => this.indexes[index]?.(object).includes(value) ?? false);
  }

  onChange(handler: (change: Change<T>) => void): () => void {
    this.#handlers.add(handler);
    for (const object of this.#objects.values()) handler({ type: 'added', object });
    return () => this.#handlers.delete(handler);
  }
}

/** One fake informer a resource; a field selector on `metadata.name` or `spec.nodeName` is not looked at. */
export class FakeInformers implements InformerFactory {
  readonly #all = new Map<string, FakeInformer<KubeObject>>();

  of<T extends KubeObject>(resource: string): FakeInformer<T> {
    const found = this.#all.get(resource) ?? new FakeInformer<KubeObject>();
    this.#all.set(resource, found);
    return found as unknown as FakeInformer<T>;
  }

  informer: InformerFactory['informer'] = (type, options) => {
    const found = this.of(type.resource);
    if (options?.indexes !== undefined) found.indexes = options.indexes as unknown as typeof found.indexes;
    return found as never;
  };
}

/** Remembers what was said. */
export class FakeEvents implements EventRecorder {
  readonly seen: { reason: string; message: string }[] = [];

  event: EventRecorder['event'] = (_object, _type, reason, message) => void this.seen.push({ reason, message });
}

export interface NodeLab {
  readonly nodeA: Place;
  readonly nodeB: Place;
  readonly outside: Place;
  /** The default gateway of all others; has no address of its own unless it is made to answer. */
  readonly beyond: Place;
  end(): Promise<void>;
}

const members = [
  ['nodeA', '192.168.77.11'],
  ['nodeB', '192.168.77.12'],
  ['outside', '192.168.77.200'],
] as const;

/** The switch stands in a namespace of its own. Every member has an `eth0` on it, and a default route so that any address leaves. */
export async function makeNodeLab(): Promise<NodeLab> {
  const places: Place[] = [];
  const end = async (): Promise<void> => void (await Promise.all(places.map((place) => place.end())));
  try {
    for (let index = 0; index < 5; index += 1) places.push(await Place.make());
    const [hub, nodeA, nodeB, outside, beyond] = places as [Place, Place, Place, Place, Place];
    await hub.exec.batch(['link add sw type bridge', 'link set sw up']);
    for (const [name, address] of members) {
      const place = { nodeA, nodeB, outside }[name];
      const add = `link add ${name} type veth peer name eth0 netns ${place.pid}`;
      await hub.exec.batch([add, `link set ${name} master sw up`]);
      await place.exec.batch([
        `address add ${address}/24 dev eth0`,
        'link set eth0 up',
        // Nobody has this address yet: what goes there is lost, as it would be beyond a real gateway.
        'route add default via 192.168.77.1',
      ]);
    }
    await hub.exec.batch([
      `link add beyond type veth peer name eth0 netns ${beyond.pid}`,
      'link set beyond master sw up',
    ]);
    await beyond.exec.sh('ip link set eth0 up');
    return { nodeA, nodeB, outside, beyond, end };
  } catch (error) {
    await end();
    throw error;
  }
}

/** Nodes and outside get their addresses of the other family, too. */
export async function giveIPv6({ nodeA, nodeB, outside }: NodeLab): Promise<void> {
  for (const [place, name] of [
    [nodeA, 'node-a'],
    [nodeB, 'node-b'],
    [outside, 'outside'],
  ] as const)
    await place.exec.batch([`address add ${addressesOf[name].ipv6}/64 dev eth0 nodad`]);
}

/** The pod network of one node, over objects that the test changes. */
export interface RunningNetwork {
  readonly network: NodeNetwork;
  readonly informers: FakeInformers;
  readonly events: FakeEvents;
  /** Everything in the kernel stays. */
  readonly stop: () => void;
}

/** Resolves when it has begun; with a bridge from before it is ready then. No audits unless asked for. */
export async function startNetwork(
  place: Place,
  nodeName: NodeName,
  options: Partial<NodeNetworkOptions> = {},
  remembered: readonly RememberedPod[] = [],
): Promise<RunningNetwork> {
  const informers = new FakeInformers();
  const events = new FakeEvents();
  const abort = new AbortController();
  informers.of<Node>('nodes').set(...clusterNodes);
  const network = createNodeNetwork({
    exec: place.exec,
    nodeName,
    nodeIPs: Object.values(addressesOf[nodeName]),
    clusterCIDRs: Object.values(clusterCIDRs),
    informers,
    events,
    logger: silentLogger,
    signal: abort.signal,
    auditIntervalMs: 3_600_000,
    ...options,
  });
  await network.start(remembered);
  return { network, informers, events, stop: () => abort.abort() };
}

/** Asks until the answer is true; for what the kernel does in its own time. */
export async function eventually(what: string, holds: () => Promise<boolean>, timeoutMs = 5000): Promise<void> {
  const until = Date.now() + timeoutMs;
  while (!(await holds())) {
    if (Date.now() > until) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
