/** Builds a feature: its Services and, for each family, what packets to them do. */
import type { EndpointSlice, Service } from '../../src/api/types.gen.ts';
import { relayed, type Expectation } from './expectations.ts';
import type { CaseMode, Expect, Feature, PacketCase, SetUp, Step } from './packet-case.ts';
import { CaseService, type Endpoints, type ServiceSpec, type Target } from './service.ts';
import { familyNames, nodeOf, type FamilyName, type Party } from './world.ts';

/** What a mode does instead, and why that is right. */
export interface Difference {
  readonly expect: Expectation;
  readonly why: string;
}

export interface CaseOptions {
  readonly families?: readonly FamilyName[];
  readonly setUp?: SetUp;
  readonly inMode?: Readonly<Partial<Record<CaseMode, Difference>>>;
  readonly onlyOnPaper?: string;
}

export type StepSpec =
  | { readonly from: Party; readonly to: Target; readonly expect: Expectation }
  | { readonly waitSeconds: number }
  | { readonly service: CaseService; readonly endpoints: Endpoints };

/** Why userspace sees other sources. */
const relayReason = 'the relay opens a connection of its own, so the server sees the node that relays';

const ask = (from: Party, to: Target, expect: Expectation): StepSpec => ({ from, to, expect });
const wait = (waitSeconds: number): StepSpec => ({ waitSeconds });
const change = (service: CaseService, endpoints: Endpoints): StepSpec => ({ service, endpoints });
/** Steps of a sequence. */
export const steps = { ask, wait, change } as const;

const differs = (a: Expect, b: Expect): boolean => JSON.stringify(a) !== JSON.stringify(b);

function stepFor(spec: StepSpec, family: FamilyName, options: CaseOptions): Step {
  if ('waitSeconds' in spec) return spec;
  if ('service' in spec) {
    const slices = spec.service
      .slicesWith(spec.endpoints)
      .filter(({ addressType }) => addressType.toLowerCase() === family);
    return { service: spec.service.name, slices };
  }
  const { from, to } = spec;
  const expect = spec.expect(from);
  const viaRelay = to.isDirect ? expect : relayed(expect, to.node ?? nodeOf(from));
  const inMode: Partial<Record<CaseMode, Expect>> = differs(viaRelay, expect) ? { userspace: viaRelay } : {};
  for (const [mode, difference] of Object.entries(options.inMode ?? {}))
    inMode[mode as CaseMode] = difference.expect(from);
  return { ask: { from, to: to.address(family), ports: to.ports, protocol: to.protocol }, expect, inMode };
}

function caseFor(
  feature: string,
  what: string,
  family: FamilyName,
  specs: readonly StepSpec[],
  options: CaseOptions,
): PacketCase {
  const made = specs.map((spec) => stepFor(spec, family, options));
  const reasons: Partial<Record<CaseMode, string>> = made.some((step) => 'ask' in step && 'userspace' in step.inMode)
    ? { userspace: relayReason }
    : {};
  for (const [mode, { why }] of Object.entries(options.inMode ?? {})) reasons[mode as CaseMode] = why;
  const usesSctp = made.some((step) => 'ask' in step && step.ask.protocol === 'sctp');
  return {
    name: `${feature}: ${what} (${family})`,
    feature,
    family,
    setUp: options.setUp ?? 'default',
    steps: made,
    differs: reasons,
    onlyOnPaper: options.onlyOnPaper ?? (usesSctp ? 'this kernel may have no SCTP sockets' : undefined),
  };
}

export class FeatureBuilder implements Feature {
  readonly name: string;
  readonly services: Service[] = [];
  readonly slices: EndpointSlice[] = [];
  readonly cases: PacketCase[] = [];
  #next: number;

  /** Its Services take the numbers from `first` on: two features never share one. */
  constructor(name: string, first: number) {
    this.name = name;
    this.#next = first;
  }

  service(name: string, spec: ServiceSpec = {}): CaseService {
    const made = new CaseService(name, this.#next, spec);
    this.#next += 1;
    this.services.push(made.service);
    this.slices.push(...made.slices);
    return made;
  }

  /** One question, in each family. */
  case(what: string, from: Party, to: Target, expect: Expectation, options: CaseOptions = {}): void {
    this.sequence(what, [ask(from, to, expect)], options);
  }

  /** Several steps, one after another, in each family. */
  sequence(what: string, specs: readonly StepSpec[], options: CaseOptions = {}): void {
    for (const family of options.families ?? familyNames)
      this.cases.push(caseFor(this.name, what, family, specs, options));
  }
}
