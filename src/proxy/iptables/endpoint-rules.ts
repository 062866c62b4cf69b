/** How a Service port chooses among endpoints: random by `statistic`, or the endpoint that a client had last. */
import type { Family } from '../../kernel/family.ts';
import { comment, oneIn } from '../../kernel/iptables.ts';
import type { Endpoint, ServicePort } from '../model/service-port.ts';
import { affinityList } from './names.ts';

const targetText = (family: Family, { ip, port }: Endpoint): string =>
  family.version === 6 ? `[${ip}]:${port}` : `${ip}:${port}`;

/**
 * One rule an endpoint: the first takes one in n, the next one in n-1 of the rest, the last all that is left. With affinity
 * a client that an endpoint has had within the time goes there again, whichever chain of the port it comes through; the
 * choice notes the client. xt_recent keeps 100 clients an endpoint (its parameter `ip_list_tot`), the latest ones.
 */
export function endpointRules(
  family: Family,
  port: ServicePort,
  endpoints: readonly Endpoint[],
  matches = `-p ${port.protocol}`,
): string[] {
  const { name, affinitySeconds } = port;
  const rule = (endpoint: Endpoint, how: string): string => {
    const target = targetText(family, endpoint);
    const about = comment(`${name} -> ${target}${endpoint.pod === '' ? '' : ` ${endpoint.pod}`}`);
    return `${matches} ${about}${how} -j DNAT --to-destination ${target}`;
  };
  const list = (endpoint: Endpoint): string =>
    `--name ${affinityList(port, endpoint)} --mask ${family.fullMask} --rsource`;
  const chosen = endpoints.map((endpoint, index) => {
    const left = endpoints.length - index;
    const chance = left === 1 ? '' : ` ${oneIn(left)}`;
    return rule(endpoint, affinitySeconds === undefined ? chance : `${chance} -m recent --set ${list(endpoint)}`);
  });
  if (affinitySeconds === undefined) return chosen;
  const known = endpoints.map((endpoint) =>
    rule(endpoint, ` -m recent --update --seconds ${affinitySeconds} --reap ${list(endpoint)}`),
  );
  return [...known, ...chosen];
}
