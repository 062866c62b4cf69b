/** What pairs of figures say of the ratio of one to the other. */

export interface Ratio {
  /** Geometric means. */
  readonly a: number;
  readonly b: number;
  readonly ratio: number;
  /** The 95 % interval of the ratio. */
  readonly low: number;
  readonly high: number;
}

/** Student's t, two-sided 95 %, by degrees of freedom from 1. */
const quantiles = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145];
const ofMany = 2.131;

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Of logarithms, since a ratio and its inverse must be as far from 1. NaN of fewer than two pairs. */
export function ratioOf(pairs: readonly (readonly [a: number, b: number])[]): Ratio {
  const logs = pairs.map(([a, b]) => Math.log(a / b));
  const middle = mean(logs);
  const variance = logs.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (logs.length - 1);
  const half = (quantiles[logs.length - 2] ?? ofMany) * Math.sqrt(variance / logs.length);
  const geometric = (values: readonly number[]): number => Math.exp(mean(values.map(Math.log)));
  return {
    a: geometric(pairs.map(([a]) => a)),
    b: geometric(pairs.map(([, b]) => b)),
    ratio: Math.exp(middle),
    low: Math.exp(middle - half),
    high: Math.exp(middle + half),
  };
}
