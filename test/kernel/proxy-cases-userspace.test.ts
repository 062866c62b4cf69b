/** The shared packet cases with real packets, in mode userspace. */
import { runCasesOnTheWire } from './case-runner.ts';

runCasesOnTheWire('userspace');
