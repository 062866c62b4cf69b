/** Reads what `nft list table` printed. Pure. */

/** A map or set: what it is, and its elements as key → the rest of their text (comment, value). */
export interface NftSet {
  /** Type, flags, size, comment: its lines before the elements. */
  readonly head: readonly string[];
  readonly elements: ReadonlyMap<string, string>;
}

export interface NftTable {
  readonly comment: string;
  /** Maps and sets by name. */
  readonly sets: ReadonlyMap<string, NftSet>;
  /** Lines of each chain as nft prints them: comment, hook, rules. */
  readonly chains: ReadonlyMap<string, readonly string[]>;
}

/** Where an element's key ends: before its comment, its time, or its value. */
const afterKey = / (?:comment "|timeout |expires |: )/;

/** One element's text cut behind its key. */
export function splitElement(text: string): readonly [key: string, rest: string] {
  const at = text.search(afterKey);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

/** Commas between elements, not those inside quotes. */
const separator = /,\s*(?=(?:[^"]*"[^"]*")*[^"]*$)/;

function readElements(line: string, into: Map<string, string>): void {
  const text = line.trim().replace(/,$/, '');
  // The whole cost of reading a large table is here: most lines are one element.
  const elements = text.includes(',') ? text.split(separator) : [text];
  for (const one of elements) {
    const [key, rest] = splitElement(one.trim());
    if (key !== '') into.set(key, rest);
  }
}

/** Takes the lines of one block from `start` on to its closing brace; returns where that stands. */
function readSet(
  lines: readonly string[],
  start: number,
  set: { head: string[]; elements: Map<string, string> },
): number {
  let at = start;
  let isInElements = false;
  for (; at < lines.length && lines[at] !== '\t}'; at += 1) {
    let line = lines[at] ?? '';
    if (!isInElements && line.startsWith('\t\telements = {')) {
      isInElements = true;
      line = line.slice('\t\telements = {'.length);
    }
    if (!isInElements) set.head.push(line.trim());
    else if (line.endsWith(' }')) {
      readElements(line.slice(0, -2), set.elements);
      isInElements = false;
    } else readElements(line, set.elements);
  }
  return at;
}

/** Reads one table; what belongs to none is left out. */
export function parseTable(text: string): NftTable {
  const lines = text.split('\n');
  const sets = new Map<string, NftSet>();
  const chains = new Map<string, readonly string[]>();
  let comment = '';
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    const [, kind = '', name = ''] = /^\t(map|set|chain) (\S+) \{$/.exec(line) ?? [];
    if (kind === 'chain') {
      const end = lines.indexOf('\t}', at);
      chains.set(
        name,
        lines.slice(at + 1, end).map((one) => one.trim()),
      );
      at = end < 0 ? lines.length : end;
    } else if (kind !== '') {
      const set = { head: [], elements: new Map<string, string>() };
      at = readSet(lines, at + 1, set);
      sets.set(name, set);
    } else if (line.startsWith('\tcomment "')) comment = line.slice('\tcomment "'.length, -1);
  }
  return { comment, sets, chains };
}
