/** The labs that upstream's tests are run on: a test is of one, the first that has what it needs. */

export interface Profile {
  /** Arguments of `podwire up`. */
  readonly up: readonly string[];
  /** The machine of the lab in whose network the tests run; left out: the host's. */
  readonly from?: string;
  /** Tests of the first profile that are run here too. */
  readonly repeats?: RegExp;
}

/** Of the tests for which the ledger names none. */
export const defaultProfile = 'ipv4';

const conformance = /^\[sig-network\].*\[Conformance\]/;

/** By name. The first family of `dual` is IPv4: with it upstream's tests take the cluster for one of IPv4 that has a second family. */
export const profiles: Readonly<Record<string, Profile>> = {
  [defaultProfile]: { up: [] },
  vxlan: { up: ['--segments', '2', '--pod-network', 'vxlan'], repeats: conformance },
  outside: { up: [], from: 'outside' },
  dual: { up: ['--ip-family', 'dual'] },
};
