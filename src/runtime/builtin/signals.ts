import { constants } from 'node:os';

const realTimeMin = 34;
const realTimeMax = 64;

/** The number of a stop signal as images write it: `SIGTERM`, `term`, `15`, `SIGRTMIN+3`. TERM when it is none. */
export function signalNumber(text: string | undefined): number {
  if (text === undefined || text === '') return constants.signals.SIGTERM;
  const upper = text.toUpperCase();
  const name = /^\d+$/.test(upper) || upper.startsWith('SIG') ? upper : `SIG${upper}`;
  const number = Number(name);
  if (Number.isInteger(number)) return number >= 1 && number <= realTimeMax ? number : constants.signals.SIGTERM;
  const realTime = /^SIGRTM(IN|AX)(?:([+-]\d{1,2}))?$/.exec(name);
  if (realTime !== null) return (realTime[1] === 'IN' ? realTimeMin : realTimeMax) + Number(realTime[2] ?? 0);
  return constants.signals[name as NodeJS.Signals] ?? constants.signals.SIGTERM;
}
