/** What a packet to a Service should do: a case as data. */
import type { EndpointSlice, Service } from '../../src/api/types.gen.ts';
import type { FamilyName, Party } from './world.ts';

export type Transport = 'tcp' | 'udp' | 'sctp';

/** Ways to get the table into the kernel. */
export const caseModes = ['iptables-nft', 'iptables-legacy', 'nftables', 'userspace'] as const;
export type CaseMode = (typeof caseModes)[number];

/** How the proxy was started: where node ports listen, whether it knows the addresses of pods. */
export const setUps = ['default', 'switch only', 'loopback too', 'pods unknown'] as const;
export type SetUp = (typeof setUps)[number];

/** Whose address an answerer sees; a node stands for each of its addresses. */
export type Answers = Readonly<Partial<Record<Party, Party>>>;

export type Expect =
  /** Each of these answers sooner or later, with the same chance, and nobody else. */
  | { readonly kind: 'answers'; readonly answers: Answers }
  /** Whoever answered before. */
  | { readonly kind: 'the same'; readonly source: Party }
  /** Nothing is remembered of who answered before: each of these with the same chance. */
  | { readonly kind: 'anybody again'; readonly answers: Answers }
  | { readonly kind: 'refused' }
  | { readonly kind: 'dropped' }
  /** Nothing is programmed for it: it goes on to where routes lead, untranslated. */
  | { readonly kind: 'passed on' };

export interface Question {
  readonly from: Party;
  readonly to: string;
  /** Several ports: each is asked; so many independent choices. */
  readonly ports: readonly number[];
  readonly protocol: Transport;
}

export type Step =
  | { readonly ask: Question; readonly expect: Expect; readonly inMode: Readonly<Partial<Record<CaseMode, Expect>>> }
  | { readonly waitSeconds: number }
  /** The Service has other endpoints of the case's family from now on. */
  | { readonly service: string; readonly slices: readonly EndpointSlice[] };

export interface PacketCase {
  /** Unique: `feature: what happens (family)`. */
  readonly name: string;
  readonly feature: string;
  readonly family: FamilyName;
  readonly setUp: SetUp;
  readonly steps: readonly Step[];
  /** Why a mode does something else by design; there for each mode that a step has an expectation of its own for. */
  readonly differs: Readonly<Partial<Record<CaseMode, string>>>;
  /** Why real packets cannot show it. */
  readonly onlyOnPaper: string | undefined;
}

/** A feature's Services and what packets to them do. */
export interface Feature {
  readonly name: string;
  readonly services: readonly Service[];
  readonly slices: readonly EndpointSlice[];
  readonly cases: readonly PacketCase[];
}
