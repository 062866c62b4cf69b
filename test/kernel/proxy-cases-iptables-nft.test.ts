/** The shared packet cases with real packets, in mode iptables-nft. */
import { runCasesOnTheWire } from './case-runner.ts';

runCasesOnTheWire('iptables-nft');
