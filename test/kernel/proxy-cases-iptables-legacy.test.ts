/** The shared packet cases with real packets, in mode iptables-legacy. */
import { runCasesOnTheWire } from './case-runner.ts';

runCasesOnTheWire('iptables-legacy');
