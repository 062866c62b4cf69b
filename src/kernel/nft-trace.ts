/**
 * Walks a packet through one table of nftables on paper: through its maps, with every draw of `numgen` and its probability,
 * and keeps what sets remember of clients. A word it does not know is an error, never a guess.
 */
import { contains, tryParseCIDR } from '../api/addresses.ts';
import type { NftTable } from './nft-listing.ts';
import { undecided, type ClientMemory, type Outcome, type TracedPacket } from './traced-packet.ts';

interface State extends Outcome {
  readonly packet: TracedPacket;
  readonly mark: number;
  readonly atSeconds: number;
}

export interface NftNode {
  readonly table: NftTable;
  /** Every address of the node, loopback's left out. */
  readonly addresses: readonly string[];
}

/** What one word group of a rule makes of a state: the states that go on in the rule, those that left it, those that ended. */
interface Effect {
  readonly on: readonly State[];
  readonly past: readonly State[];
  readonly ended: readonly State[];
  /** Where those `on` go when the rule ends here. */
  readonly goto?: string;
}

const protocols = { tcp: 6, udp: 17, sctp: 132 } as const;
const goesOn = (state: State): Effect => ({ on: [state], past: [], ended: [] });
const goesPast = (state: State): Effect => ({ on: [], past: [state], ended: [] });
const when = (holds: boolean, state: State): Effect => (holds ? goesOn(state) : goesPast(state));
const ends = (state: State, verdict: State['verdict']): Effect => ({
  on: [],
  past: [],
  ended: [{ ...state, verdict }],
});

/** The words of a rule behind a cursor. */
class Words {
  readonly #words: readonly string[];
  #at = 0;

  constructor(rule: string) {
    this.#words = [...rule.matchAll(/"[^"]*"|[^\s]+/g)].map(([word]) => word);
  }

  get isEmpty(): boolean {
    return this.#at >= this.#words.length;
  }

  next(): string {
    const word = this.#words[this.#at];
    if (word === undefined) throw new Error(`the rule ends too early: ${this.#words.join(' ')}`);
    this.#at += 1;
    return word;
  }

  isNext(text: string): boolean {
    return text.split(' ').every((word, index) => this.#words[this.#at + index] === word);
  }

  /** Takes these words when they come next. */
  take(text: string): boolean {
    const isNext = this.isNext(text);
    if (isNext) this.#at += text.split(' ').length;
    return isNext;
  }

  unknown(): Error {
    return new Error(`unknown in a rule: ${this.#words.slice(this.#at).join(' ')}`);
  }
}

/** A field of the packet as text, or the numbers that may be drawn. */
type Field = (state: State) => readonly string[];

const one =
  (text: (state: State) => string): Field =>
  (state) => [text(state)];

function readField(words: Words): Field | undefined {
  for (const ip of ['ip', 'ip6']) {
    if (words.take(`${ip} daddr`)) return one(({ destination }) => destination);
    if (words.take(`${ip} saddr`)) return one(({ packet }) => packet.source);
  }
  if (words.take('meta l4proto')) return one(({ packet }) => String(protocols[packet.protocol]));
  if (words.take('th dport')) return one(({ destinationPort }) => String(destinationPort));
  if (!words.take('numgen random mod')) return undefined;
  const count = Number(words.next());
  const offset = words.take('offset') ? Number(words.next()) : 0;
  return () => Array.from({ length: count }, (_, index) => String(offset + index));
}

/** Every key that the fields may give, each as likely as the others. */
function readKey(words: Words): ((state: State) => readonly string[]) | undefined {
  const first = readField(words);
  if (first === undefined) return undefined;
  const fields = [first];
  while (words.take('.')) {
    const field = readField(words);
    if (field === undefined) throw words.unknown();
    fields.push(field);
  }
  return (state) =>
    fields.reduce<readonly string[]>(
      (keys, field) => keys.flatMap((key) => field(state).map((value) => (key === '' ? value : `${key} . ${value}`))),
      [''],
    );
}

const unit: Readonly<Record<string, number>> = { d: 86_400, h: 3600, m: 60, s: 1 };
const secondsOf = (text: string): number =>
  [...text.matchAll(/(\d+)([dhms])/g)].reduce(
    (sum, [, count, name = 's']) => sum + Number(count) * (unit[name] ?? 1),
    0,
  );

const matches = (pattern: string, value: string): boolean => {
  if (pattern === value) return true;
  const range = tryParseCIDR(pattern);
  return range !== undefined && pattern.includes('/') && contains(range, value);
};

class NftWalk {
  readonly #node: NftNode;

  constructor(node: NftNode) {
    this.#node = node;
  }

  #set(name: string): { readonly head: readonly string[]; readonly elements: ReadonlyMap<string, string> } {
    const found = this.#node.table.sets.get(name.replace('@', ''));
    if (found === undefined) throw new Error(`no map or set ${name}`);
    return found;
  }

  #isIn(name: string, key: string, state: State): boolean {
    const { head, elements } = this.#set(name);
    const timeout = head.find((line) => line.startsWith('timeout '));
    if (timeout !== undefined) {
      const told = state.memory.get(`${name.replace('@', '')} ${key}`);
      return told !== undefined && state.atSeconds < told + secondsOf(timeout);
    }
    if (elements.has(key)) return true;
    if (!head.includes('flags interval')) return false;
    const fields = key.split(' . ');
    return [...elements.keys()].some((element) =>
      element.split(' . ').every((pattern, index) => matches(pattern, fields[index] ?? '')),
    );
  }

  #valueOf(name: string, key: string): string | undefined {
    const rest = this.#set(name).elements.get(key);
    return rest === undefined ? undefined : rest.slice(rest.lastIndexOf(': ') + 2);
  }

  #isLocal(address: string): boolean {
    return address.startsWith('127.') || address === '::1' || this.#node.addresses.includes(address);
  }

  /** Follows a verdict of a map or of a rule. */
  #verdict(text: string, state: State): Effect {
    if (text === 'drop') return ends(state, 'dropped');
    if (text === 'accept') return ends(state, 'delivered');
    const [verb, chain] = text.split(' ');
    if (verb !== 'goto' || chain === undefined) throw new Error(`unknown verdict ${text}`);
    return { ...goesOn(state), goto: chain };
  }

  #mark(words: Words, state: State): Effect {
    if (words.take('meta mark set meta mark |')) return goesOn({ ...state, mark: state.mark | Number(words.next()) });
    if (words.take('meta mark set meta mark &')) return goesOn({ ...state, mark: state.mark & Number(words.next()) });
    if (!words.take('meta mark &')) throw words.unknown();
    const mask = Number(words.next());
    if (!words.take('==')) throw words.unknown();
    return when((state.mark & mask) >>> 0 === Number(words.next()), state);
  }

  #translate(words: Words, state: State): Effect {
    if (words.take('dnat to')) {
      const [, ip, port] = /^\[?([^\]]+?)\]?:(\d+)$/.exec(words.next()) ?? [];
      if (ip === undefined) throw new Error('a translation without an address and a port');
      const moved = { ...state, destination: ip, destinationPort: Number(port), translated: true };
      return ends(moved, 'delivered');
    }
    const keys = words.take('dnat ip to') || words.take('dnat ip6 to') ? readKey(words)?.(state) : undefined;
    if (keys === undefined || !words.take('map')) throw words.unknown();
    const map = words.next();
    const past: State[] = [];
    const ended: State[] = [];
    for (const key of keys) {
      const drawn = { ...state, probability: state.probability / keys.length };
      const [ip, port] = this.#valueOf(map, key)?.split(' . ') ?? [];
      if (ip === undefined) past.push(drawn);
      else ended.push({ ...drawn, destination: ip, destinationPort: Number(port), translated: true });
    }
    return { on: [], past, ended };
  }

  #compare(words: Words, state: State): Effect {
    const draws = words.take('numgen random mod') ? Number(words.next()) : undefined;
    if (draws !== undefined) {
      if (!words.take('0')) throw words.unknown();
      const chance = { on: 1 / draws, past: 1 - 1 / draws };
      const part = (share: number): State => ({ ...state, probability: state.probability * share });
      return { on: [part(chance.on)], past: [part(chance.past)], ended: [] };
    }
    const [key, ...others] = readKey(words)?.(state) ?? [];
    if (key === undefined || others.length > 0) throw words.unknown();
    if (words.take('vmap')) {
      const verdict = this.#valueOf(words.next(), key);
      return verdict === undefined ? goesPast(state) : this.#verdict(verdict, state);
    }
    const isNegated = words.take('!=');
    const operand = words.next();
    const holds = operand.startsWith('@') ? this.#isIn(operand, key, state) : matches(operand, key);
    return when(holds !== isNegated, state);
  }

  /** The next word group of a rule. */
  #step(words: Words, state: State): Effect {
    if (words.take('comment')) {
      words.next();
      return goesOn(state);
    }
    if (words.take('drop')) return ends(state, 'dropped');
    if (words.take('goto')) return { ...goesOn(state), goto: words.next() };
    if (words.take('reject with tcp reset'))
      return state.packet.protocol === 'tcp' ? ends(state, 'refused') : goesPast(state);
    if (words.take('reject')) return ends(state, 'refused');
    if (words.take('masquerade fully-random')) return ends({ ...state, masqueraded: true }, 'delivered');
    if (words.take('ct status dnat')) return when(state.translated, state);
    if (words.take('fib daddr type local')) return when(this.#isLocal(state.destination), state);
    if (words.take('fib saddr type local')) return when(this.#isLocal(state.packet.source), state);
    return this.#dispatch(words, state);
  }

  #dispatch(words: Words, state: State): Effect {
    if (words.take('update')) {
      const set = words.next().replace('@', '');
      const key = words.take('{') ? readKey(words)?.(state)[0] : undefined;
      if (key === undefined || !words.take('}')) throw words.unknown();
      return goesOn({ ...state, memory: new Map(state.memory).set(`${set} ${key}`, state.atSeconds) });
    }
    if (words.isNext('meta mark')) return this.#mark(words, state);
    return words.isNext('dnat') ? this.#translate(words, state) : this.#compare(words, state);
  }

  /** One rule: those it did not take, and those that are done. */
  #rule(chain: string, text: string, state: State): { readonly past: State[]; readonly ended: State[] } {
    const words = new Words(text);
    const past: State[] = [];
    const ended: State[] = [];
    let here: State = { ...state, path: [...state.path, `${chain}: ${text}`] };
    while (!words.isEmpty) {
      const effect = this.#step(words, here);
      past.push(...effect.past.map((one) => ({ ...one, path: state.path })));
      ended.push(...effect.ended);
      const [on] = effect.on;
      if (on === undefined) return { past, ended };
      here = on;
      if (effect.goto !== undefined) return { past, ended: [...ended, ...this.chain(effect.goto, here)] };
    }
    return { past: [...past, here], ended };
  }

  /** Every way through a chain; what comes to its end is accepted. */
  chain(name: string, start: State): State[] {
    const lines = this.#node.table.chains.get(name);
    if (lines === undefined) throw new Error(`no chain ${name}`);
    let states = [start];
    const ended: State[] = [];
    for (const line of lines) {
      if (line.startsWith('comment "') || line.startsWith('type ')) continue;
      const walked = states.map((state) => this.#rule(name, line, state));
      ended.push(...walked.flatMap((one) => one.ended));
      states = walked.flatMap(({ past }) => past);
    }
    return [...ended, ...states];
  }

  hook(name: string, states: readonly State[]): State[] {
    const found = [...this.#node.table.chains].find(([, lines]) =>
      lines.some((line) => line.includes(` hook ${name} `)),
    );
    if (found === undefined) return [...states];
    return states.flatMap((state) => (state.verdict === 'delivered' ? this.chain(found[0], state) : [state]));
  }

  send(start: State): State[] {
    const sent = this.hook(start.packet.fromNode ? 'output' : 'prerouting', [start]);
    return sent.flatMap((state) =>
      !start.packet.fromNode && this.#isLocal(state.destination) ? [state] : this.hook('postrouting', [state]),
    );
  }
}

/** The ways the first packet of a new flow can take through this table. Probabilities add up to 1. Throws on what it does not know. */
export function traceNft(
  node: NftNode,
  packet: TracedPacket,
  memory: ClientMemory = new Map(),
  atSeconds = 0,
): readonly Outcome[] {
  return new NftWalk(node).send({
    ...undecided(packet, memory),
    packet,
    mark: 0,
    atSeconds,
  });
}
