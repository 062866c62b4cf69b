/** From the policies that select a pod to its profile in one direction. Pure. */
import {
  everyPod,
  hashOf,
  type CompiledPeers,
  type CompiledPolicy,
  type CompiledRule,
  type PodSelection,
  type PortName,
} from './compile.ts';
import type { PodFacts } from './facts.ts';
import { rangesOfBlocks, unionOfPorts } from './ranges.ts';
import {
  protocolNumbers,
  type AllowedLine,
  type BlockSet,
  type Direction,
  type PortRange,
  type PortSet,
  type Profile,
} from './table.ts';

/** A set of pods as it is asked for: who is in it is kept elsewhere. */
export interface WantedPodSet {
  readonly name: string;
  readonly about: string;
  readonly selection: PodSelection;
  /** Each pod's port of this name. Missing: addresses alone. */
  readonly port?: PortName;
}

export interface WantedProfile {
  readonly profile: Profile;
  readonly podSets: readonly WantedPodSet[];
  readonly fixedSets: readonly (BlockSet | PortSet)[];
}

export interface ProfileInput {
  readonly direction: Direction;
  readonly family: 4 | 6;
  /** Those that isolate the pod in this direction, by key. */
  readonly policies: readonly CompiledPolicy[];
  readonly pod: Pick<PodFacts, 'ports'>;
}

export function podSetOf(selection: PodSelection, port?: PortName): WantedPodSet {
  const { id, about } = selection;
  if (port === undefined) return { name: `pods-${id}`, about, selection };
  const { name, protocol } = port;
  return {
    name: `named-${hashOf([id, name, protocol])}`,
    about: `port ${name}/${protocol} of ${about}`,
    selection,
    port,
  };
}

function numberOf(pod: Pick<PodFacts, 'ports'>, { name, protocol }: PortName): PortRange[] {
  const found = pod.ports.find((port) => port.name === name && port.protocol === protocol);
  const number = protocolNumbers[protocol];
  return found === undefined || number === undefined ? [] : [{ protocol: number, first: found.port, last: found.port }];
}

const printPorts = (ranges: readonly PortRange[]): string =>
  ranges.map(({ protocol, first, last }) => `${protocol}:${first}${last === first ? '' : `-${last}`}`).join(',');

/** Collects what one profile needs. */
class ProfileBuilder {
  readonly #input: ProfileInput;
  readonly lines = new Map<string, AllowedLine>();
  readonly podSets = new Map<string, WantedPodSet>();
  readonly fixedSets = new Map<string, BlockSet | PortSet>();

  constructor(input: ProfileInput) {
    this.#input = input;
  }

  #pods(selection: PodSelection, port?: PortName): string {
    const set = podSetOf(selection, port);
    this.podSets.set(set.name, set);
    return set.name;
  }

  /** The set of the peers' addresses, for each way in which a rule names them; undefined stands for everybody. */
  #peers({ peers }: CompiledRule): (string | undefined)[] {
    if (peers === undefined) return [undefined];
    return [...peers.pods.map((selection) => this.#pods(selection)), ...this.#blocks(peers)];
  }

  #blocks(peers: CompiledPeers): string[] {
    const ranges = rangesOfBlocks(peers.blocks, this.#input.family);
    if (ranges.length === 0) return [];
    const name = `blocks-${hashOf(ranges.map(({ first, last }) => [String(first), String(last)]))}`;
    const about = peers.blocks.map(({ cidr, except = [] }) => [cidr, ...except.map((one) => `!${one}`)].join(' '));
    this.fixedSets.set(name, { kind: 'blocks', name, about: about.join(', '), ranges });
    return [name];
  }

  #ports(ranges: readonly PortRange[]): string {
    const union = unionOfPorts(ranges);
    const text = printPorts(union);
    const name = `ports-${hashOf(text)}`;
    this.fixedSets.set(name, { kind: 'ports', name, about: `ports ${text}`, ranges: union });
    return name;
  }

  #add(policy: string, line: Omit<AllowedLine, 'policy'>): void {
    const key = JSON.stringify([line.peers, line.ports, line.namedPorts]);
    if (!this.lines.has(key)) this.lines.set(key, { ...line, policy });
  }

  addRule(policy: string, rule: CompiledRule): void {
    const { direction, pod } = this.#input;
    const { ranges = [], names = [] } = rule.ports ?? {};
    // Ingress ends at this very pod, so the name is a number; egress ends at many, each with its own.
    const numbers = direction === 'ingress' ? [...ranges, ...names.flatMap((name) => numberOf(pod, name))] : ranges;
    if (rule.ports === undefined || numbers.length > 0) {
      const ports = rule.ports === undefined ? {} : { ports: this.#ports(numbers) };
      for (const peers of this.#peers(rule)) this.#add(policy, { ...(peers === undefined ? {} : { peers }), ...ports });
    }
    if (direction === 'egress') for (const name of names) this.#addNamed(policy, name, rule);
  }

  #addNamed(policy: string, name: PortName, { peers }: CompiledRule): void {
    for (const selection of peers === undefined ? [everyPod] : peers.pods)
      this.#add(policy, { namedPorts: this.#pods(selection, name) });
    // An address of a block has names only where it is a pod's.
    for (const block of peers === undefined ? [] : this.#blocks(peers))
      this.#add(policy, { peers: block, namedPorts: this.#pods(everyPod, name) });
  }
}

/** What of a pod its profile depends on besides its policies: the numbers of the ports that they name. */
export function namedPortsOf({ direction, policies, pod }: Omit<ProfileInput, 'family'>): string {
  if (direction === 'egress') return '';
  const names = policies.flatMap(({ ingress = [] }) => ingress.flatMap(({ ports }) => ports?.names ?? []));
  return printPorts(names.flatMap((name) => numberOf(pod, name)));
}

/** See {@link WantedProfile}. */
export function profileOf(input: ProfileInput): WantedProfile {
  const { direction, policies } = input;
  const builder = new ProfileBuilder(input);
  for (const policy of policies) for (const rule of policy[direction] ?? []) builder.addRule(policy.key, rule);
  const lines = [...builder.lines.values()];
  const keys = policies.map(({ key }) => key);
  const name = `${direction === 'ingress' ? 'in' : 'out'}-${hashOf([keys, lines])}`;
  return {
    profile: { name, direction, policies: keys, lines },
    podSets: [...builder.podSets.values()],
    fixedSets: [...builder.fixedSets.values()],
  };
}
