/** What of a Service port is not translated, and what becomes of it in the filter table. */
import { comment } from '../../kernel/iptables.ts';
import type { Family } from '../../kernel/family.ts';
import type { Endpoint, ServicePort, TrafficPolicy } from '../model/service-port.ts';
import { toPort } from './rule-text.ts';

/** `drop`: another node may still answer (policy Local). Undefined: all of it is translated. */
export type Fate = 'refuse' | 'drop' | undefined;

const under = (policy: TrafficPolicy, { endpoints, localEndpoints }: ServicePort): readonly Endpoint[] =>
  policy === 'Local' ? localEndpoints : endpoints;

/** What becomes of traffic under this policy. */
export function fateOf(policy: TrafficPolicy, port: ServicePort): Fate {
  if (port.endpoints.length + port.localEndpoints.length === 0) return 'refuse';
  return under(policy, port).length === 0 ? 'drop' : undefined;
}

/** A rule of the filter table. `match` stands before the port and ends with a space, or is empty. */
export function refusal(
  family: Family,
  port: ServicePort,
  fate: 'refuse' | 'drop',
  match: string,
  number = port.port,
  why = fate === 'drop' ? 'no endpoint on this node' : 'no endpoints',
): string {
  const answer = port.protocol === 'tcp' ? 'tcp-reset' : family.portUnreachable;
  const target = fate === 'drop' ? 'DROP' : `REJECT --reject-with ${answer}`;
  return `${match}${toPort(port.protocol, number)} ${comment(`${port.name}: ${why}`)} -j ${target}`;
}
