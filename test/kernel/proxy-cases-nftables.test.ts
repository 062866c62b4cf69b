/** The shared packet cases with real packets, in mode nftables. */
import { runCasesOnTheWire } from './case-runner.ts';

runCasesOnTheWire('nftables');
