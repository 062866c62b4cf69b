/**
 * Walks a packet through iptables rules on paper: where does the first packet of a flow go, as whose does it arrive, is it
 * refused. Follows every branch of `statistic` with its probability. A match or target it does not know is an error,
 * never a guess.
 */
import { contains, parseCIDR } from '../api/addresses.ts';
import { ruleWords, type RuleSet } from './iptables.ts';

export interface TracedPacket {
  readonly source: string;
  readonly destination: string;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly destinationPort: number;
  /** Sent by the node itself: it starts at OUTPUT, not at PREROUTING. */
  readonly fromNode: boolean;
}

/** One way the packet can take. */
export interface Outcome {
  readonly probability: number;
  readonly verdict: 'delivered' | 'refused' | 'dropped';
  /** After translation. */
  readonly destination: string;
  readonly destinationPort: number;
  readonly translated: boolean;
  readonly masqueraded: boolean;
  /** The chain and rule that took each step: for people. */
  readonly path: readonly string[];
}

interface State extends Outcome {
  readonly packet: TracedPacket;
  readonly mark: number;
}

type End = 'continue' | 'accept' | 'return';
type Step = { readonly state: State; readonly end: End };

export interface TracedNode {
  readonly rules: RuleSet;
  /** Every address of the node, loopback's left out. */
  readonly addresses: readonly string[];
}

/** A rule taken apart: conditions, and the target with its options. */
interface Rule {
  readonly conditions: readonly Condition[];
  readonly probability: number | undefined;
  readonly target: string | undefined;
  readonly options: readonly string[];
}

interface Condition {
  readonly key: string;
  readonly value: string;
  readonly negated: boolean;
}

/** How many words follow each option that a rule may have before its target. */
const known = new Set(['-s', '-d', '-p', '--dport', '--mark', '--ctstate', '--dst-type', '--src-type']);
const modules = new Set(['tcp', 'udp', 'sctp', 'comment', 'statistic', 'mark', 'conntrack', 'addrtype']);

function parseRule(text: string): Rule {
  const words = ruleWords(text);
  const conditions: Condition[] = [];
  let probability: number | undefined;
  let index = 0;
  let negated = false;
  const value = (): string => words[++index] ?? '';
  for (; index < words.length; index += 1) {
    const word = words[index] ?? '';
    if (word === '-j') break;
    if (word === '!') {
      negated = true;
      continue;
    }
    if (word === '--comment' || word === '--mode') value();
    else if (word === '--probability') probability = Number(value());
    else if (word === '-m') {
      const name = value();
      if (!modules.has(name)) throw new Error(`unknown match ${name} in rule: ${text}`);
    } else if (known.has(word)) conditions.push({ key: word, value: value(), negated });
    else throw new Error(`unknown option ${word} in rule: ${text}`);
    negated = false;
  }
  return { conditions, probability, target: words[index + 1], options: words.slice(index + 2) };
}

const isLoopback = (address: string): boolean => address.startsWith('127.');

function isLocal(address: string, node: TracedNode): boolean {
  return isLoopback(address) || node.addresses.includes(address);
}

function holds({ key, value }: Condition, state: State, node: TracedNode): boolean {
  const { packet } = state;
  switch (key) {
    case '-s':
      return contains(parseCIDR(value), packet.source);
    case '-d':
      return contains(parseCIDR(value), state.destination);
    case '-p':
      return packet.protocol === value;
    case '--dport':
      return state.destinationPort === Number(value);
    case '--mark': {
      const [want = '', mask = '0xffffffff'] = value.split('/');
      return (state.mark & Number(mask)) === Number(want);
    }
    case '--ctstate':
      return value.split(',').some((one) => one === 'NEW' || (one === 'DNAT' && state.translated));
    default: {
      if (value !== 'LOCAL') throw new Error(`unknown address type ${value}`);
      return isLocal(key === '--dst-type' ? state.destination : packet.source, node);
    }
  }
}

function withMark(state: State, options: readonly string[]): State {
  if (options[0] !== '--set-xmark') throw new Error(`unknown MARK ${options.join(' ')}`);
  const [value = '0', mask = '0xffffffff'] = (options[1] ?? '').split('/');
  return { ...state, mark: (state.mark & ~Number(mask)) ^ Number(value) };
}

function translate(state: State, options: readonly string[]): State {
  const match = /^(.+):(\d+)$/.exec(options[0] === '--to-destination' ? (options[1] ?? '') : '');
  if (match === null) throw new Error(`unknown DNAT ${options.join(' ')}`);
  return { ...state, destination: match[1] ?? '', destinationPort: Number(match[2]), translated: true };
}

/** What a target does; undefined for one that is a chain. */
function carryOut(target: string, options: readonly string[], state: State): Step | undefined {
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
    case 'MASQUERADE':
      return { state: { ...state, masqueraded: true }, end: 'accept' };
    case 'MARK':
      return { state: withMark(state, options), end: 'continue' };
    default:
      return undefined;
  }
}

/** Every way through one chain. */
function walk(node: TracedNode, table: string, chain: string, start: State): Step[] {
  const rules = node.rules.get(table)?.get(chain);
  if (rules === undefined) throw new Error(`no chain ${chain} in table ${table}`);
  const ended: Step[] = [];
  let states: State[] = [start];
  for (const text of rules) {
    const rule = parseRule(text);
    const next: State[] = [];
    for (const state of states) {
      if (!rule.conditions.every((one) => holds(one, state, node) !== one.negated)) {
        next.push(state);
        continue;
      }
      if (rule.probability !== undefined)
        next.push({ ...state, probability: state.probability * (1 - rule.probability) });
      const taken: State = {
        ...state,
        probability: state.probability * (rule.probability ?? 1),
        path: [...state.path, `${table} ${chain}: ${text}`],
      };
      if (rule.target === undefined) {
        next.push(taken);
        continue;
      }
      const step = carryOut(rule.target, rule.options, taken);
      for (const one of step === undefined ? walk(node, table, rule.target, taken) : [step]) {
        if (one.end === 'accept' || (one.end === 'return' && step !== undefined)) ended.push(one);
        else next.push(one.state);
      }
    }
    states = next;
  }
  return [...ended, ...states.map((state): Step => ({ state, end: 'continue' }))].map((step) =>
    step.end === 'return' ? { ...step, end: 'continue' } : step,
  );
}

function pass(node: TracedNode, table: string, chain: string, states: readonly State[]): State[] {
  if (!(node.rules.get(table)?.has(chain) ?? false)) return [...states];
  return states.flatMap((state) =>
    state.verdict === 'delivered' ? walk(node, table, chain, state).map((step) => step.state) : [state],
  );
}

/**
 * The ways the first packet of a new flow can take through this node: nat, routing, filter, nat. Probabilities add up
 * to 1. Throws on a rule it does not understand.
 */
export function tracePacket(node: TracedNode, packet: TracedPacket): readonly Outcome[] {
  const start: State = {
    packet,
    probability: 1,
    verdict: 'delivered',
    destination: packet.destination,
    destinationPort: packet.destinationPort,
    translated: false,
    masqueraded: false,
    mark: 0,
    path: [],
  };
  const routed = pass(node, 'nat', packet.fromNode ? 'OUTPUT' : 'PREROUTING', [start]);
  return routed.flatMap((state) => {
    const toNode = !packet.fromNode && isLocal(state.destination, node);
    const filtered = pass(node, 'filter', packet.fromNode ? 'OUTPUT' : toNode ? 'INPUT' : 'FORWARD', [state]);
    return toNode ? filtered : pass(node, 'nat', 'POSTROUTING', filtered);
  });
}
