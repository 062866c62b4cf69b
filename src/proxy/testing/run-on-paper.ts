/** One case over a mode's rules on paper. Throws where they do something else, with the way the packet took. */
import assert from 'node:assert/strict';
import {
  addressesOf,
  nodeAddresses,
  nodeNames,
  serverPorts,
  type FamilyName,
  type Party,
} from '../../../test/cases/world.ts';
import type { Answers, CaseMode, Expect, PacketCase, Question } from '../../../test/cases/packet-case.ts';
import type { Arrival, PaperCluster } from './paper-cluster.ts';

/** One of the courses that things may have taken so far. */
interface Course {
  readonly cluster: PaperCluster;
  readonly atSeconds: number;
  readonly last: Party | undefined;
}

function partyAt(address: string, family: FamilyName): Party | undefined {
  const node = nodeNames.find((one) => nodeAddresses(one, family).includes(address));
  return node ?? (Object.keys(addressesOf) as Party[]).find((one) => addressesOf[one][family] === address);
}

const text = ({ verdict, destination, destinationPort, source, probability, path }: Arrival): string =>
  `${verdict} ${destination} ${destinationPort} seen as ${source} with ${probability.toFixed(3)}\n  ${path.join('\n  ')}`;
const told = (arrivals: readonly Arrival[]): string => arrivals.map(text).join('\n');

/** Who answers and what they see; an answerer that is nobody is told by its address. */
function answersIn(
  arrivals: readonly Arrival[],
  family: FamilyName,
): Map<string, { seen: string; probability: number }> {
  const found = new Map<string, { seen: string; probability: number }>();
  for (const { verdict, destination, destinationPort, source, probability } of arrivals) {
    const isServed = Object.values(serverPorts).some((port) => port === destinationPort);
    const party = verdict === 'delivered' && isServed ? partyAt(destination, family) : undefined;
    const who = party ?? `${verdict} ${destination}:${destinationPort}`;
    const before = found.get(who)?.probability ?? 0;
    found.set(who, { seen: source ?? 'nobody', probability: before + probability });
  }
  return found;
}

function checkAnswers(arrivals: readonly Arrival[], family: FamilyName, expected: Answers): void {
  const found = answersIn(arrivals, family);
  const seen = Object.fromEntries([...found].map(([who, one]) => [who, one.seen]));
  assert.deepEqual(seen, { ...expected }, told(arrivals));
  for (const [who, { probability }] of found) {
    assert.ok(Math.abs(probability - 1 / found.size) < 1e-6, `${who} gets ${probability}\n${told(arrivals)}`);
  }
}

function check(
  arrivals: readonly Arrival[],
  { from, to }: Question,
  port: number,
  expect: Expect,
  course: Course,
  family: FamilyName,
): void {
  const sum = arrivals.reduce((total, { probability }) => total + probability, 0);
  assert.ok(Math.abs(sum - 1) < 1e-6, `probabilities add up to ${sum}\n${told(arrivals)}`);
  switch (expect.kind) {
    case 'refused':
    case 'dropped':
      for (const arrival of arrivals) assert.equal(arrival.verdict, expect.kind, told(arrivals));
      return;
    case 'passed on':
      for (const { verdict, destination, destinationPort, source } of arrivals)
        assert.deepEqual(
          [verdict, destination, destinationPort, source],
          ['delivered', to, port, from],
          told(arrivals),
        );
      return;
    case 'the same':
      assert.ok(course.last !== undefined, 'nobody answered before');
      return checkAnswers(arrivals, family, { [course.last]: expect.source });
    case 'answers':
    case 'anybody again':
      return checkAnswers(arrivals, family, expect.answers);
  }
}

/** Follows every course the case may take. */
export function runOnPaper(one: PacketCase, cluster: PaperCluster, mode: CaseMode): void {
  let courses: readonly Course[] = [{ cluster, atSeconds: 1000, last: undefined }];
  for (const step of one.steps) {
    if ('waitSeconds' in step) {
      courses = courses.map((course) => ({ ...course, atSeconds: course.atSeconds + step.waitSeconds }));
    } else if ('service' in step) {
      courses = courses.map((course) => ({ ...course, cluster: course.cluster.withSlices(step.service, step.slices) }));
    } else {
      // Several ports are for real packets, where one choice says little.
      const [port = 0] = step.ask.ports;
      const expect = step.inMode[mode] ?? step.expect;
      courses = courses.flatMap((course) => {
        const arrivals = course.cluster.ask(step.ask, port, course.atSeconds);
        check(arrivals, step.ask, port, expect, course, one.family);
        return arrivals.map(({ then, destination }) => ({
          ...course,
          cluster: then,
          last: partyAt(destination, one.family),
        }));
      });
    }
  }
}
