/** What a change of a few Services means for the kernel, from what was written before. Pure. */
import type { PortObjects } from './elements.ts';
import type { Difference } from './ledger.ts';
import type { ChainText, SetText } from '../../kernel/nft-objects.ts';
import type { Edit, ElementText } from './transaction.ts';

/** How many ports ask for the same element: a pod that may be sent to itself stands behind many Services, a cluster IP has many ports. */
export type Counts = Map<string, number>;

export const idOf = ({ set, key }: ElementText): string => `${set} ${key}`;
/** Several ports may ask for the same element of these sets. */
export const isShared = ({ set }: ElementText): boolean => set === 'hairpin' || set === 'cluster-ips';

/** The elements of these ports by id; the shared ones are counted, and `touched` keeps what was counted before. */
function elementsOf(
  objects: readonly PortObjects[],
  step: 1 | -1,
  counts: Counts,
  touched: Map<string, number>,
): Map<string, ElementText> {
  const found = new Map<string, ElementText>();
  for (const { elements } of objects)
    for (const element of elements) {
      const id = idOf(element);
      found.set(id, element);
      if (!isShared(element)) continue;
      const number = counts.get(id) ?? 0;
      if (!touched.has(id)) touched.set(id, number);
      counts.set(id, number + step);
    }
  return found;
}

function planElements({ before, after }: Difference, counts: Counts): Pick<Edit, 'added' | 'replaced' | 'removed'> {
  const touched = new Map<string, number>();
  const was = elementsOf(before, -1, counts, touched);
  const now = elementsOf(after, 1, counts, touched);
  const wasThere = (id: string): boolean => (touched.has(id) ? (touched.get(id) ?? 0) > 0 : was.has(id));
  const isThere = (id: string): boolean => (touched.has(id) ? (counts.get(id) ?? 0) > 0 : now.has(id));
  const added: ElementText[] = [];
  const replaced: ElementText[] = [];
  for (const [id, element] of now) {
    if (!wasThere(id)) added.push(element);
    else if (was.has(id) && was.get(id)?.rest !== element.rest) replaced.push(element);
  }
  const removed = [...was].flatMap(([id, element]) => (isThere(id) ? [] : [element]));
  for (const id of touched.keys()) if (counts.get(id) === 0) counts.delete(id);
  return { added, replaced, removed };
}

const named = <T extends { readonly name: string }>(lists: readonly (readonly T[])[]): Map<string, T> =>
  new Map(lists.flat().map((one) => [one.name, one]));

function planChains({ before, after }: Difference): Pick<Edit, 'newChains' | 'changedChains' | 'goneChains'> {
  const was = named<ChainText>(before.map(({ chains }) => chains));
  const now = named<ChainText>(after.map(({ chains }) => chains));
  return {
    newChains: [...now.values()].filter(({ name }) => !was.has(name)),
    changedChains: [...now.values()].filter(
      ({ name, lines }) => was.has(name) && was.get(name)?.lines.join('\n') !== lines.join('\n'),
    ),
    goneChains: [...was.keys()].filter((name) => !now.has(name)),
  };
}

/** The edit for a difference; `counts` is brought up to date. */
export function planChange(difference: Difference, counts: Counts): Edit {
  const was = named<SetText>(difference.before.map(({ sets }) => sets));
  const now = named<SetText>(difference.after.map(({ sets }) => sets));
  return {
    newSets: [...now.values()].filter(({ name }) => !was.has(name)),
    goneSets: [...was.keys()].filter((name) => !now.has(name)),
    ...planChains(difference),
    ...planElements(difference, counts),
  };
}
