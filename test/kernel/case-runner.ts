/**
 * The shared cases with real packets, for one mode. All questions of a sender go to its process at once, so that hundreds of cases
 * take seconds; each case is a test of its own over what came back.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { setUps, type CaseMode, type PacketCase, type Step } from '../cases/packet-case.ts';
import { pendingReason } from '../cases/pending.ts';
import { packetCases } from '../cases/service-packets.ts';
import { createTally } from '../cases/tally.ts';
import type { Party } from '../cases/world.ts';
import { CaseLab } from './case-lab.ts';
import type { PartyQuestion } from './packet-party.ts';
import { answerers, checkReplies, expectIn, questionsOf, type Replies } from './wire-check.ts';
import { skipReason } from './wire-modes.ts';

type AskStep = Extract<Step, { readonly ask: unknown }>;

interface Answered {
  readonly step: AskStep;
  readonly replies: Replies;
  /** Who answered the step before. */
  readonly last: readonly string[];
}

/** A change is in the kernel within milliseconds; ten times what a slow machine may need. */
const changeWithinMs = 5000;

/** The cases leave 0.8 s between a time-out and the question before it. */
const lateMs = 600;
const maxAttempts = 8;

function passes(check: () => void): boolean {
  try {
    check();
    return true;
  } catch {
    return false;
  }
}

export class CaseRun {
  readonly #mode: CaseMode;
  readonly #lab: CaseLab;
  readonly answered = new Map<string, readonly Answered[]>();

  constructor(mode: CaseMode, lab: CaseLab) {
    this.#mode = mode;
    this.#lab = lab;
  }

  /** Cases of one question: every sender gets all of its own in one batch. */
  async askAtOnce(cases: readonly PacketCase[]): Promise<void> {
    const bySender = Map.groupBy(cases, ({ steps: [step] }) => (step as AskStep).ask.from);
    await Promise.all([...bySender].map(([from, own]) => this.#askSender(from, own)));
  }

  async #askSender(from: Party, cases: readonly PacketCase[]): Promise<void> {
    const asked = cases.map((one) => ({ one, step: one.steps[0] as AskStep }));
    const questions = asked.flatMap(({ one, step }) => this.#questions(one, step));
    const replies = await this.#lab.party(from).ask(questions);
    let at = 0;
    for (const { one, step } of asked) {
      const own = replies.slice(at, (at += step.ask.ports.length));
      this.answered.set(one.name, [{ step, replies: own, last: [] }]);
    }
  }

  #questions(one: PacketCase, step: AskStep): PartyQuestion[] {
    return questionsOf(one, step.ask, expectIn(this.#mode, step));
  }

  /**
   * Step by step; after a change a question is asked again until it comes true. Where time counts and this machine was late, it
   * begins anew: what is remembered for two seconds says nothing about the third.
   */
  async runSequence(one: PacketCase): Promise<void> {
    const isTimed = one.steps.some((step) => 'waitSeconds' in step) && !one.steps.some((step) => 'service' in step);
    for (let attempt = 0; attempt < (isTimed ? maxAttempts : 1); attempt += 1)
      if ((await this.#runSteps(one)) < lateMs) return;
  }

  /** How much later than planned the latest question was answered, counted from the one before. */
  async #runSteps(one: PacketCase): Promise<number> {
    const answered: Answered[] = [];
    let [changed, latest, plannedMs, askedAt] = [false, 0, 0, performance.now()];
    for (const step of one.steps) {
      if ('waitSeconds' in step) {
        plannedMs += step.waitSeconds * 1000;
        await sleep(step.waitSeconds * 1000);
      } else if ('service' in step) {
        this.#lab.setSlices(step.slices);
        changed = true;
      } else {
        const last = answered.length === 0 ? [] : answerers(answered.at(-1)?.replies ?? []);
        const before = performance.now();
        answered.push(await this.#askStep(one, step, last, changed ? changeWithinMs : 0));
        latest = Math.max(latest, performance.now() - askedAt - plannedMs);
        [changed, plannedMs, askedAt] = [false, 0, before];
      }
    }
    this.answered.set(one.name, answered);
    return latest;
  }

  async #askStep(one: PacketCase, step: AskStep, last: readonly string[], withinMs: number): Promise<Answered> {
    const until = Date.now() + withinMs;
    for (;;) {
      const replies = await this.#lab.party(step.ask.from).ask(this.#questions(one, step));
      const answered = { step, replies, last };
      if (Date.now() >= until || passes(() => this.#checkStep(one, answered))) return answered;
      await sleep(10);
    }
  }

  #checkStep(one: PacketCase, { step, replies, last }: Answered): void {
    checkReplies(one, step.ask, expectIn(this.#mode, step), replies, last);
  }

  /** Throws where something else came back than should. */
  check(one: PacketCase): void {
    const answered = this.answered.get(one.name);
    if (answered === undefined) throw new Error('was not asked: the set-up failed');
    for (const step of answered) this.#checkStep(one, step);
  }
}

/** Which variant of the tools holds the rules. */
const variants: Readonly<Partial<Record<CaseMode, string>>> = { 'iptables-nft': 'nft', 'iptables-legacy': 'legacy' };

/** The rules stand where the mode says: a run that tried another mode than it claims proves nothing. */
async function checkVariant(lab: CaseLab, mode: CaseMode): Promise<void> {
  const wanted = mode === 'nftables' ? [] : [variants[mode]];
  for (const program of ['iptables', 'ip6tables']) {
    const found: string[] = [];
    for (const variant of ['nft', 'legacy'])
      if ((await lab.place('node-a').exec.sh(`${program}-${variant}-save`)).includes('PW-SERVICES'))
        found.push(variant);
    assert.deepEqual(found, wanted, program);
  }
}

async function runAll(run: CaseRun, lab: CaseLab, mode: CaseMode, cases: readonly PacketCase[]): Promise<void> {
  for (const setUp of setUps) {
    const own = cases.filter((one) => one.setUp === setUp);
    await lab.startProxies(mode, setUp);
    await run.askAtOnce(own.filter(({ steps }) => steps.length === 1));
    await Promise.all(own.filter(({ steps }) => steps.length > 1).map((one) => run.runSequence(one)));
  }
}

/** Makes the tests of one mode. Needs root; without the mode everything is skipped, and said so. */
export function runCasesOnTheWire(mode: CaseMode): void {
  const skip = skipReason(mode);
  if (skip !== false) return void test(`on the wire, ${mode}: ${packetCases.length} cases`, { skip }, () => {});
  describe(`on the wire, ${mode}`, () => {
    const tally = createTally(`on the wire, ${mode}`);
    const runnable = packetCases.filter(({ onlyOnPaper }) => onlyOnPaper === undefined);
    let lab: CaseLab | undefined;
    let run: CaseRun | undefined;
    before(async () => {
      lab = await CaseLab.make(mode);
      run = new CaseRun(mode, lab);
      await runAll(run, lab, mode, runnable);
    });
    after(async () => {
      await lab?.end();
      tally.print();
    });
    if (mode !== 'userspace') test('the rules stand where this mode puts them', () => lab && checkVariant(lab, mode));
    for (const one of packetCases) {
      test(one.name, { skip: one.onlyOnPaper ?? false }, (t) => {
        const reason = pendingReason(mode, 'wire', one.name);
        if (reason === undefined) return tally.passes(() => run?.check(one));
        tally.pending(one.name, reason, () => run?.check(one));
        t.todo(reason);
      });
      if (one.onlyOnPaper !== undefined) tally.skip(one.name, one.onlyOnPaper);
    }
  });
}
