/** A rule in the text of iptables-save taken apart. What is not known is an error, never left out. */
import { ruleWords } from './iptables.ts';

export interface Condition {
  /** The option that makes it: `-d`, `--ctstate`, … */
  readonly key: string;
  readonly value: string;
  readonly negated: boolean;
}

/** `-m recent`: what it looks at or writes. */
export interface RecentMatch {
  readonly verb: 'set' | 'rcheck' | 'update' | 'remove';
  readonly list: string;
  readonly seconds: number | undefined;
  readonly negated: boolean;
}

export interface Rule {
  readonly conditions: readonly Condition[];
  readonly recent: RecentMatch | undefined;
  readonly probability: number | undefined;
  /** Matches are asked in the order of the text: what `recent` writes stays when `statistic` behind it says no. */
  readonly isRecentFirst: boolean;
  /** A verdict or a chain; undefined for a rule that only counts or remembers. */
  readonly target: string | undefined;
  /** `-g`: what ends in the chain ends the calling chain, too. */
  readonly isGoto: boolean;
  readonly options: readonly string[];
}

/** Options with one word behind them that are conditions. */
const conditionKeys = new Set([
  ...['-s', '-d', '-p', '-i', '-o', '--dport', '--dports', '--sport', '--mark', '--src-type', '--dst-type'],
  ...['--ctstate', '--ctstatus', '--ctproto', '--ctorigdst', '--ctorigdstport', '--ctorigsrc', '--ctdir'],
  ...['--src-range', '--dst-range'],
]);
const modules = new Set([
  ...['tcp', 'udp', 'sctp', 'comment', 'statistic', 'mark', 'conntrack', 'addrtype', 'recent', 'multiport', 'iprange'],
]);
/** Words that change nothing about where a packet goes. */
const withoutMeaning = new Map([
  ['--comment', 1],
  ['--rsource', 0],
  ['--reap', 0],
]);
const recentVerbs = new Map([
  ['--set', 'set'],
  ['--rcheck', 'rcheck'],
  ['--update', 'update'],
  ['--remove', 'remove'],
] as const);
const everySource = new Set(['255.255.255.255', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff']);

class RuleReader {
  readonly #text: string;
  readonly #words: readonly string[];
  #at = 0;
  readonly #conditions: Condition[] = [];
  #probability: number | undefined;
  #verb: { verb: RecentMatch['verb']; negated: boolean } | undefined;
  #list = 'DEFAULT';
  #seconds: number | undefined;
  #isRecentFirst = false;

  constructor(text: string) {
    this.#text = text;
    this.#words = ruleWords(text);
  }

  #value(): string {
    this.#at += 1;
    const found = this.#words[this.#at];
    if (found === undefined) throw new Error(`rule ends in the middle: ${this.#text}`);
    return found;
  }

  #recentOption(word: string, negated: boolean): boolean {
    const verb = (recentVerbs as ReadonlyMap<string, RecentMatch['verb']>).get(word);
    if (verb !== undefined) this.#verb = { verb, negated };
    else if (word === '--name') this.#list = this.#value();
    else if (word === '--seconds') this.#seconds = Number(this.#value());
    else if (word === '--mask') {
      if (!everySource.has(this.#value())) throw new Error(`unknown mask in rule: ${this.#text}`);
    } else return false;
    return true;
  }

  #statisticOption(word: string): boolean {
    if (word === '--mode') {
      if (this.#value() !== 'random') throw new Error(`unknown mode of statistic in rule: ${this.#text}`);
    } else if (word === '--probability') {
      this.#probability = Number(this.#value());
      this.#isRecentFirst = this.#verb !== undefined;
    } else return false;
    return true;
  }

  #option(word: string, negated: boolean): void {
    const skipped = withoutMeaning.get(word);
    if (skipped !== undefined) {
      for (let left = skipped; left > 0; left -= 1) this.#value();
    } else if (word === '-m') {
      const name = this.#value();
      if (!modules.has(name)) throw new Error(`unknown match ${name} in rule: ${this.#text}`);
    } else if (conditionKeys.has(word)) this.#conditions.push({ key: word, value: this.#value(), negated });
    else if (!this.#statisticOption(word) && !this.#recentOption(word, negated))
      throw new Error(`unknown option ${word} in rule: ${this.#text}`);
  }

  read(): Rule {
    let negated = false;
    for (; this.#at < this.#words.length; this.#at += 1) {
      const word = this.#words[this.#at] ?? '';
      if (word === '-j' || word === '-g') break;
      if (word === '!') negated = true;
      else {
        this.#option(word, negated);
        negated = false;
      }
    }
    const verb = this.#verb;
    return {
      conditions: this.#conditions,
      recent: verb === undefined ? undefined : { ...verb, list: this.#list, seconds: this.#seconds },
      probability: this.#probability,
      isRecentFirst: this.#isRecentFirst,
      target: this.#words[this.#at + 1],
      isGoto: this.#words[this.#at] === '-g',
      options: this.#words.slice(this.#at + 2),
    };
  }
}

/** Throws for a match or an option that it does not know. */
export function parseRule(text: string): Rule {
  return new RuleReader(text).read();
}
