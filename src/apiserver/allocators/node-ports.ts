/** Ports that every node opens for Services. One number may serve one Service in several protocols. */
import { createNumberPool, staticBandOf } from './number-pool.ts';

/** The ports `from` to `to`, both included. */
export interface PortRange {
  readonly from: number;
  readonly to: number;
}

export interface NodePortPool {
  /** Takes this port. Answers with the reason if it cannot be had. */
  take(port: number): string | undefined;
  /** Undefined when all are taken. */
  takeAny(): number | undefined;
  give(port: number): void;
  has(port: number): boolean;
  clear(): void;
  readonly range: PortRange;
}

/** `30000-32767`. Throws for what is no range of ports. */
export function parsePortRange(text: string): PortRange {
  const [, from, to] = /^(\d{1,5})-(\d{1,5})$/.exec(text) ?? [];
  const range = { from: Number(from), to: Number(to) };
  if (!(range.from >= 1 && range.from <= range.to && range.to <= 65_535)) throw new Error(`${text}: not a port range`);
  return range;
}

export function createNodePortPool(range: PortRange, random?: (below: number) => number): NodePortPool {
  const size = range.to - range.from + 1;
  const pool = createNumberPool({ size, staticBand: staticBandOf(size, 32, 128), ...(random && { random }) });
  const inRange = (port: number): boolean => port >= range.from && port <= range.to;
  return {
    range,
    take(port) {
      if (!inRange(port)) {
        const valid = `${range.from}-${range.to}`;
        return `provided port is not in the valid range. The range of valid ports is ${valid}`;
      }
      return pool.take(port - range.from) ? undefined : 'provided port is already allocated';
    },
    takeAny() {
      const offset = pool.takeAny();
      return offset === undefined ? undefined : range.from + offset;
    },
    give: (port) => {
      if (inRange(port)) pool.give(port - range.from);
    },
    has: (port) => inRange(port) && pool.has(port - range.from),
    clear: () => {
      pool.clear();
    },
  };
}
