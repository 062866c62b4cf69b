/** What came back of a case's questions, held against what should. */
import assert from 'node:assert/strict';
import type { Answers, CaseMode, Expect, PacketCase, Question } from '../cases/packet-case.ts';
import { addressesOf, isPod, nodeAddresses, nodeNames, type FamilyName, type Party } from '../cases/world.ts';
import type { PartyQuestion } from './packet-party.ts';

/** Of one step: for each port what came back, in order. */
export type Replies = readonly (readonly string[])[];

const isAlone = ({ steps }: PacketCase): boolean => steps.length === 1;

/** What a sender's process is asked to do for one step. */
export function questionsOf(one: PacketCase, ask: Question, expect: Expect): PartyQuestion[] {
  const from =
    isPod(ask.from) || nodeNames.some((node) => node === ask.from) ? undefined : addressesOf[ask.from][one.family];
  const count = 'answers' in expect && isAlone(one) ? Object.keys(expect.answers).length : 1;
  return ask.ports.map((port) => ({
    protocol: ask.protocol === 'udp' ? 'udp' : 'tcp',
    address: ask.to,
    port,
    from,
    // Of three answerers one is missed in 60 questions in 8 of 100 thousand million runs.
    ...(isAlone(one) && expect.kind === 'answers'
      ? { times: 2 + 2 * count, different: count, most: 60 }
      : { times: 1 }),
    timeoutMs: expect.kind === 'dropped' ? 700 : 5000,
  }));
}

function partyAt(address: string, sender: Party, family: FamilyName): string {
  const node = nodeNames.find((one) => nodeAddresses(one, family).includes(address));
  if (node !== undefined) return node;
  if (address === '127.0.0.1' || address === '::1') return sender;
  return Object.entries(addressesOf).find(([, one]) => one[family] === address)?.[0] ?? address;
}

/** `[who answered, whom it saw]`, or what went wrong alone. */
function pairOf(reply: string, sender: Party, family: FamilyName): readonly string[] {
  const [who = '', source] = reply.split(' ');
  return source === undefined ? [who] : [who, partyAt(source, sender, family)];
}

function checkAnswers(pairs: readonly (readonly string[])[], answers: Answers, whole: boolean): void {
  const expected = new Set(Object.entries(answers).map((pair) => pair.join(' sees ')));
  const seen = new Set(pairs.map((pair) => pair.join(' sees ')));
  if (whole) assert.deepEqual(seen, expected);
  else for (const one of seen) assert.ok(expected.has(one), `${one}: none of ${[...expected].join(', ')}`);
}

/** Whoever answered at each port. */
export const answerers = (replies: Replies): string[] => replies.map((all) => all.at(-1)?.split(' ')[0] ?? '');

/** Throws with what came back. `last` are the answerers of the step before. */
export function checkReplies(
  one: PacketCase,
  ask: Question,
  expect: Expect,
  replies: Replies,
  last: readonly string[],
): void {
  const all = replies.flat();
  const pairs = all.map((reply) => pairOf(reply, ask.from, one.family));
  const isNodes = nodeNames.some((node) => nodeAddresses(node, one.family).includes(ask.to));
  switch (expect.kind) {
    case 'refused':
      return assert.deepEqual(new Set(all), new Set(['ECONNREFUSED']));
    case 'dropped':
      return assert.deepEqual(new Set(all), new Set(['timeout']));
    case 'passed on':
      // An address of a node ends at the node, where nobody listens on that port.
      if (isNodes || ask.to === '127.0.0.1' || ask.to === '::1')
        return assert.deepEqual(new Set(all), new Set(['ECONNREFUSED']));
      return assert.deepEqual(new Set(pairs.map(([who]) => who)), new Set(['beyond']));
    case 'answers':
      return checkAnswers(pairs, expect.answers, isAlone(one));
    case 'the same':
      return assert.deepEqual(
        pairs,
        last.map((who) => [who, expect.source]),
      );
    case 'anybody again':
      checkAnswers(pairs, expect.answers, false);
      // With ten ports all stay as they were by chance in 3^-10 runs; one says nothing.
      if (replies.length < 10) return;
      return assert.notDeepEqual(answerers(replies), last);
  }
}

/** What this mode should do in a step. */
export function expectIn(
  mode: CaseMode,
  step: { readonly expect: Expect; readonly inMode: Readonly<Partial<Record<CaseMode, Expect>>> },
): Expect {
  return step.inMode[mode] ?? step.expect;
}
