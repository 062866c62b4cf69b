/**
 * Walks a packet through iptables rules on paper: where does the first packet of a flow go, as whose does it arrive, is it
 * refused. Follows every branch of `statistic` with its probability, and keeps what `recent` remembers. A match or target it
 * does not know is an error, never a guess.
 */
import { contains, parseCIDR, parseIP } from '../api/addresses.ts';
import { parseRule, type Condition, type RecentMatch, type Rule } from './iptables-rule.ts';
import type { RuleSet } from './iptables.ts';
import { undecided, type ClientMemory, type Outcome, type TracedPacket } from './traced-packet.ts';

interface State extends Outcome {
  readonly packet: TracedPacket;
  readonly mark: number;
  readonly isTracked: boolean;
  readonly atSeconds: number;
}

type End = 'continue' | 'accept' | 'return';
type Step = { readonly state: State; readonly end: End };

export interface TracedNode {
  readonly rules: RuleSet;
  /** Every address of the node, loopback's left out. */
  readonly addresses: readonly string[];
}

const parsed = new Map<string, Rule>();
/** Rules are walked by thousands of packets of a test: each text is read once. */
function ruleOf(text: string): Rule {
  const known = parsed.get(text);
  if (known !== undefined) return known;
  const rule = parseRule(text);
  parsed.set(text, rule);
  return rule;
}

const isLoopback = (address: string): boolean => address.startsWith('127.') || address === '::1';

function isLocal(address: string, node: TracedNode): boolean {
  return isLoopback(address) || node.addresses.includes(address);
}

function isOfType(type: string, address: string, node: TracedNode): boolean {
  if (type !== 'LOCAL') throw new Error(`unknown address type ${type}`);
  return isLocal(address, node);
}

const inPorts = (list: string, port: number): boolean =>
  list.split(',').some((one) => {
    const [first = 0, last = first] = one.split(':').map(Number);
    return port >= first && port <= last;
  });

function inRange(range: string, address: string): boolean {
  const [first = '', last = first] = range.split('-');
  const [low, high, value] = [first, last, address].map((one) => parseIP(one)?.value ?? 0n) as [bigint, bigint, bigint];
  return value >= low && value <= high;
}

const flowStates = ({ translated, isTracked }: State): readonly string[] =>
  isTracked ? ['NEW', ...(translated ? ['DNAT'] : [])] : ['UNTRACKED'];

function isMarked(value: string, mark: number): boolean {
  const [want = '', mask = '0xffffffff'] = value.split('/');
  return (mark & Number(mask)) >>> 0 === Number(want);
}

type Test = (value: string, state: State, node: TracedNode) => boolean;

const tests: ReadonlyMap<string, Test> = new Map<string, Test>([
  ['-s', (value, { packet }) => contains(parseCIDR(value), packet.source)],
  ['-d', (value, { destination }) => contains(parseCIDR(value), destination)],
  ['-p', (value, { packet }) => value === 'all' || packet.protocol === value],
  ['--dport', (value, { destinationPort }) => inPorts(value, destinationPort)],
  ['--dports', (value, { destinationPort }) => inPorts(value, destinationPort)],
  ['--mark', (value, { mark }) => isMarked(value, mark)],
  ['--src-type', (value, { packet }, node) => isOfType(value, packet.source, node)],
  ['--dst-type', (value, { destination }, node) => isOfType(value, destination, node)],
  ['--ctstate', (value, state) => value.split(',').some((one) => flowStates(state).includes(one))],
  ['--ctproto', (value, { packet }) => ({ 6: 'tcp', 17: 'udp', 132: 'sctp' })[value] === packet.protocol],
  [
    '--ctorigdst',
    (value, { packet }) =>
      contains(
        parseCIDR(value.includes('/') ? value : `${value}/${value.includes(':') ? 128 : 32}`),
        packet.destination,
      ),
  ],
  ['--ctorigdstport', (value, { packet }) => inPorts(value, packet.destinationPort)],
  ['--ctdir', (value) => value === 'ORIGINAL'],
  ['--src-range', (value, { packet }) => inRange(value, packet.source)],
  ['--dst-range', (value, { destination }) => inRange(value, destination)],
]);

function holds({ key, value, negated }: Condition, state: State, node: TracedNode): boolean {
  const test = tests.get(key);
  if (test === undefined) throw new Error(`nothing is known of the packet that ${key} asks for`);
  return test(value, state, node) !== negated;
}

/** xt_recent counts what was seen exactly `seconds` ago as seen. */
function remembers({ list, seconds }: RecentMatch, { packet, memory, atSeconds }: State): boolean {
  const seen = memory.get(`${list} ${packet.source}`);
  return seen !== undefined && (seconds === undefined || seen >= atSeconds - seconds);
}

function remember(state: State, { list }: RecentMatch, isThere: boolean): State {
  const memory = new Map(state.memory);
  const key = `${list} ${state.packet.source}`;
  if (isThere) memory.set(key, state.atSeconds);
  else memory.delete(key);
  return { ...state, memory };
}

/** Undefined when it does not match. */
function askRecent(recent: RecentMatch, state: State): State | undefined {
  const holdsHere = recent.verb === 'set' || remembers(recent, state);
  if (holdsHere === recent.negated) return undefined;
  if (!holdsHere || recent.verb === 'rcheck') return state;
  return remember(state, recent, recent.verb !== 'remove');
}

function withMark(state: State, options: readonly string[]): State {
  if (options[0] !== '--set-xmark') throw new Error(`unknown MARK ${options.join(' ')}`);
  const [value = '0', mask = '0xffffffff'] = (options[1] ?? '').split('/');
  return { ...state, mark: ((state.mark & ~Number(mask)) ^ Number(value)) >>> 0 };
}

function translate(state: State, options: readonly string[]): State {
  const [name, target = '', ...rest] = options;
  const match = /^\[?([^\]]+?)\]?:(\d+)$/.exec(name === '--to-destination' ? target : '');
  if (match === null || rest.some((word) => word !== '--random' && word !== '--persistent'))
    throw new Error(`unknown DNAT ${options.join(' ')}`);
  return { ...state, destination: match[1] ?? '', destinationPort: Number(match[2]), translated: true };
}

/** To the node itself: loopback for its own packets, its address of the link for others'. */
function redirect(state: State, options: readonly string[], node: TracedNode): State {
  if (options[0] !== '--to-ports' || !/^\d+$/.test(options[1] ?? ''))
    throw new Error(`unknown REDIRECT ${options.join(' ')}`);
  const loopback = state.destination.includes(':') ? '::1' : '127.0.0.1';
  const destination = state.packet.fromNode ? loopback : (node.addresses[0] ?? loopback);
  return { ...state, destination, destinationPort: Number(options[1]), translated: true };
}

/** What a target does; undefined for one that is a chain. */
function carryOut(target: string, options: readonly string[], state: State, node: TracedNode): Step | undefined {
  switch (target) {
    case 'ACCEPT':
      return { state, end: 'accept' };
    case 'RETURN':
      return { state, end: 'return' };
    case 'DROP':
      return { state: { ...state, verdict: 'dropped' }, end: 'accept' };
    case 'REJECT':
      return { state: { ...state, verdict: 'refused' }, end: 'accept' };
    case 'DNAT':
      return { state: translate(state, options), end: 'accept' };
    case 'REDIRECT':
      return { state: redirect(state, options, node), end: 'accept' };
    case 'MASQUERADE':
      return { state: { ...state, masqueraded: true }, end: 'accept' };
    case 'MARK':
      return { state: withMark(state, options), end: 'continue' };
    case 'CT':
      if (options[0] !== '--notrack') throw new Error(`unknown CT ${options.join(' ')}`);
      return { state: { ...state, isTracked: false }, end: 'continue' };
    default:
      return undefined;
  }
}

interface Split {
  readonly taken: State | undefined;
  readonly left: State | undefined;
}

function byChance(chance: number, state: State): Split {
  const { probability } = state;
  return {
    taken: { ...state, probability: probability * chance },
    left: chance < 1 ? { ...state, probability: probability * (1 - chance) } : undefined,
  };
}

/** The state that a rule takes, and what it leaves to the next rule. */
function apply({ conditions, recent, probability = 1, isRecentFirst }: Rule, state: State, node: TracedNode): Split {
  if (!conditions.every((one) => holds(one, state, node))) return { taken: undefined, left: state };
  if (recent === undefined) return byChance(probability, state);
  if (isRecentFirst) {
    const remembered = askRecent(recent, state);
    return remembered === undefined ? { taken: undefined, left: state } : byChance(probability, remembered);
  }
  const { taken, left } = byChance(probability, state);
  const remembered = taken === undefined ? undefined : askRecent(recent, taken);
  return remembered === undefined ? { taken: undefined, left: state } : { taken: remembered, left };
}

/** Every way through one chain. */
function walk(node: TracedNode, table: string, chain: string, start: State): Step[] {
  const rules = node.rules.get(table)?.get(chain);
  if (rules === undefined) throw new Error(`no chain ${chain} in table ${table}`);
  const ended: Step[] = [];
  let states: State[] = [start];
  for (const text of rules) {
    if (states.length === 0) break;
    const rule = ruleOf(text);
    const next: State[] = [];
    for (const state of states) {
      const { taken, left } = apply(rule, state, node);
      if (left !== undefined) next.push(left);
      if (taken === undefined) continue;
      const now = { ...taken, path: [...taken.path, `${table} ${chain}: ${text}`] };
      for (const step of follow(node, table, rule, now)) {
        if (step.end === 'continue') next.push(step.state);
        else ended.push(step);
      }
    }
    states = next;
  }
  const done = [...ended, ...states.map((state): Step => ({ state, end: 'continue' }))];
  return done.map((step) => (step.end === 'return' ? { ...step, end: 'continue' } : step));
}

/** Where the target of a rule leads. */
function follow(node: TracedNode, table: string, { target, options, isGoto }: Rule, state: State): Step[] {
  if (target === undefined) return [{ state, end: 'continue' }];
  const step = carryOut(target, options, state, node);
  if (step !== undefined) return [step];
  return walk(node, table, target, state).map((one) =>
    isGoto && one.end === 'continue' ? { ...one, end: 'return' } : one,
  );
}

function pass(node: TracedNode, table: string, chain: string, states: readonly State[]): State[] {
  if (!(node.rules.get(table)?.has(chain) ?? false)) return [...states];
  return states.flatMap((state) =>
    state.verdict === 'delivered' && (state.isTracked || table !== 'nat')
      ? walk(node, table, chain, state).map((step) => step.state)
      : [state],
  );
}

/** Tables in the order in which a hook asks them. */
function hook(node: TracedNode, chain: string, states: readonly State[]): State[] {
  const tables = { PREROUTING: ['raw', 'mangle', 'nat'], OUTPUT: ['raw', 'mangle', 'nat', 'filter'] }[chain];
  return (tables ?? ['mangle', ...(chain === 'POSTROUTING' ? ['nat'] : ['filter'])]).reduce(
    (now, table) => pass(node, table, chain, now),
    [...states],
  );
}

/**
 * The ways the first packet of a new flow can take through this node: raw, mangle, nat, routing, filter, nat. Probabilities add
 * up to 1. Throws on a rule it does not understand.
 */
export function tracePacket(
  node: TracedNode,
  packet: TracedPacket,
  memory: ClientMemory = new Map(),
  atSeconds = 0,
): readonly Outcome[] {
  const start: State = {
    ...undecided(packet, memory),
    packet,
    mark: 0,
    isTracked: true,
    atSeconds,
  };
  const sent = hook(node, packet.fromNode ? 'OUTPUT' : 'PREROUTING', [start]);
  return sent.flatMap((state) => {
    const staysHere = isLocal(state.destination, node);
    if (packet.fromNode) {
      const left = hook(node, 'POSTROUTING', [state]);
      // What a node sends to itself comes in again: no second translation, but INPUT.
      return staysHere ? hook(node, 'INPUT', left) : left;
    }
    return staysHere ? hook(node, 'INPUT', [state]) : hook(node, 'POSTROUTING', hook(node, 'FORWARD', [state]));
  });
}
