/** Words in which cases say what should happen. What is seen of a sender depends on who it is. */
import type { Answers, Expect } from './packet-case.ts';
import type { Party } from './world.ts';

export type Expectation = (from: Party) => Expect;

const answersOf = (who: readonly Party[], seen: Party): Answers => Object.fromEntries(who.map((one) => [one, seen]));

/** These answer, and see the sender's own address. */
export function own(...who: readonly Party[]): Expectation {
  return (from) => ({ kind: 'answers', answers: answersOf(who, from) });
}

/** These answer, and see `seen`. */
export function seenAs(seen: Party, ...who: readonly Party[]): Expectation {
  return () => ({ kind: 'answers', answers: answersOf(who, seen) });
}

/** All of these at once, where they see different addresses. */
export function each(...parts: readonly Expectation[]): Expectation {
  return (from) => {
    const all = parts.map((part) => part(from)).map((one) => (one.kind === 'answers' ? one.answers : {}));
    return { kind: 'answers', answers: Object.assign({}, ...all) as Answers };
  };
}

/** Whoever answered the last question; sees the sender's own address. */
export const theSame: Expectation = (from) => ({ kind: 'the same', source: from });

/** As {@link theSame}, but sees a node. */
export function theSameSeenAs(source: Party): Expectation {
  return () => ({ kind: 'the same', source });
}

/** Nobody is remembered: each of these may answer, and sees the sender's own address. */
export function anybodyOf(...who: readonly Party[]): Expectation {
  return (from) => ({ kind: 'anybody again', answers: answersOf(who, from) });
}

export const refused: Expectation = () => ({ kind: 'refused' });
export const dropped: Expectation = () => ({ kind: 'dropped' });
export const passedOn: Expectation = () => ({ kind: 'passed on' });

/** What a relay makes of it: the server sees the node that relays. */
export function relayed(expect: Expect, relay: Party): Expect {
  switch (expect.kind) {
    case 'answers':
    case 'anybody again':
      return { ...expect, answers: Object.fromEntries(Object.keys(expect.answers).map((who) => [who, relay])) };
    case 'the same':
      return { ...expect, source: relay };
    default:
      return expect;
  }
}
