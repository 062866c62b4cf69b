/** Which address ranges a new lab gets. Pure: what is taken comes in, a choice or a refusal comes out. */
import { overlaps } from '../api/addresses.ts';
import { LabError, rangeOf, type LabConfig } from './config.ts';

export type LabRanges = Pick<LabConfig, 'nodeCIDR' | 'podCIDR' | 'serviceCIDR'>;

type Purpose = keyof LabRanges;

/** The option that asks for a range of this purpose. */
export const rangeOptions: Readonly<Record<Purpose, string>> = {
  nodeCIDR: '--node-cidr',
  podCIDR: '--pod-cidr',
  serviceCIDR: '--service-cidr',
};

const inSixteens = (first: number, last: number): number[] =>
  Array.from({ length: (last - first) / 2 + 1 }, (_, index) => first + 2 * index);

/**
 * What is tried, in this order: a lab alone gets the first of each. The second half is for hosts whose VPN has all of 10.0.0.0/8.
 * Pods take odd numbers and Services even ones, so that the numbers of one lab stand near each other.
 */
export const candidates: Readonly<Record<Purpose, readonly string[]>> = {
  nodeCIDR: [
    ...Array.from({ length: 64 }, (_, index) => `10.44.${index}.0/24`),
    ...Array.from({ length: 64 }, (_, index) => `172.31.${index}.0/24`),
  ],
  podCIDR: [...inSixteens(45, 125).map((n) => `10.${n}.0.0/16`), ...inSixteens(19, 29).map((n) => `172.${n}.0.0/16`)],
  serviceCIDR: [
    ...inSixteens(46, 126).map((n) => `10.${n}.0.0/16`),
    ...inSixteens(20, 30).map((n) => `172.${n}.0.0/16`),
  ],
};

/** What must not be used. */
export interface Taken {
  /** Ranges of the other labs of this host, running or not. */
  readonly labs: readonly ({ readonly name: string } & LabRanges)[];
  /** Whether the host has a route that a range overlaps. */
  isRouted(range: string): boolean;
}

/**
 * Three ranges apart from each other and from everything taken. What was asked for is taken as it is, and its clash with the host's
 * routes is for the host's checks to tell; a clash with another lab throws a LabError that names it.
 */
export function chooseRanges(wanted: Partial<LabRanges>, taken: Taken): LabRanges {
  const used: string[] = [];
  for (const purpose of purposes) {
    const range = wanted[purpose];
    if (range === undefined) continue;
    refuseOtherLabs(purpose, range, taken);
    used.push(range);
  }
  const choose = (purpose: Purpose): string => {
    const range = wanted[purpose] ?? candidates[purpose].find((each) => isFree(each, used, taken));
    if (range === undefined)
      throw new LabError(
        `none of the ranges from ${candidates[purpose][0]} on is free: give one by ${rangeOptions[purpose]}`,
      );
    used.push(range);
    return range;
  };
  return { nodeCIDR: choose('nodeCIDR'), podCIDR: choose('podCIDR'), serviceCIDR: choose('serviceCIDR') };
}

const purposes = ['nodeCIDR', 'podCIDR', 'serviceCIDR'] as const;

function isFree(range: string, used: readonly string[], taken: Taken): boolean {
  const isApart = (other: string): boolean => !overlaps(rangeOf(range), rangeOf(other));
  return (
    used.every(isApart) &&
    taken.labs.every((lab) => purposes.every((each) => isApart(lab[each]))) &&
    !taken.isRouted(range)
  );
}

function refuseOtherLabs(purpose: Purpose, range: string, { labs }: Taken): void {
  for (const lab of labs)
    for (const theirs of purposes)
      if (overlaps(rangeOf(range), rangeOf(lab[theirs])))
        throw new LabError(
          `${rangeOptions[purpose]} ${range} overlaps ${lab[theirs]} (${rangeOptions[theirs].slice(2)}) of lab ${lab.name}: ` +
            'choose another, or leave it out and a free one is found',
        );
}
