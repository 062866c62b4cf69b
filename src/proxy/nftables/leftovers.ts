/** What nothing leads to any more, until a moment has passed. Pure. */
import type { Edit, ElementKey, Leftovers } from './transaction.ts';
import { leftoversOf } from './transaction.ts';

/** A packet between its two look-ups is done by then (measured: none lost in 200,000 connects with 2 ms). */
export const leftForMs = 3;

export interface LeftoverKeeper {
  /** The same edit, knowing what is still in the kernel: what is wanted again is rewritten and no longer left over. */
  reconcile(edit: Edit): Edit;
  /** What this edit leaves. */
  add(edit: Edit): void;
  isEmpty(): boolean;
  /** Everything that is left over, which is left over no more. */
  take(): Leftovers;
}

export function createLeftoverKeeper(): LeftoverKeeper {
  const elements = new Map<string, ElementKey>();
  const chains = new Set<string>();
  const sets = new Set<string>();
  const idOf = ({ set, key }: ElementKey): string => `${set} ${key}`;
  return {
    reconcile: (edit) => {
      if (elements.size + chains.size + sets.size === 0) return edit;
      const again = edit.added.filter((one) => elements.delete(idOf(one)));
      const known = new Set(again);
      const back = edit.newChains.filter(({ name }) => chains.delete(name));
      const isBack = new Set(back);
      for (const { name } of edit.newSets) sets.delete(name);
      return {
        ...edit,
        added: edit.added.filter((one) => !known.has(one)),
        replaced: [...edit.replaced, ...again],
        newChains: edit.newChains.filter((one) => !isBack.has(one)),
        changedChains: [...edit.changedChains, ...back],
      };
    },
    add: (edit) => {
      const left = leftoversOf(edit);
      for (const one of left.elements) elements.set(idOf(one), one);
      for (const name of left.chains) chains.add(name);
      for (const name of left.sets) sets.add(name);
    },
    isEmpty: () => elements.size + chains.size + sets.size === 0,
    take: () => {
      const taken = { elements: [...elements.values()], chains: [...chains], sets: [...sets] };
      elements.clear();
      chains.clear();
      sets.clear();
      return taken;
    },
  };
}
