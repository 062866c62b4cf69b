/** How traffic for node ports, external IPs and load balancer addresses comes in. */
import { comment } from '../../kernel/iptables.ts';
import type { DesiredChain } from '../../kernel/plan-iptables.ts';
import type { ServicePort } from '../model/service-port.ts';
import { chainsOf } from './names.ts';
import { fromAddress, fromNode, mark, unmark } from './rule-text.ts';
import type { RuleSettings } from './settings.ts';

export const isExternal = ({ nodePort, externalIPs, loadBalancerIPs }: ServicePort): boolean =>
  nodePort !== undefined || externalIPs.length + loadBalancerIPs.length > 0;

/** A chain that is not there cannot be led to: without endpoints the filter table takes all. */
export const hasExternalChain = (port: ServicePort): boolean =>
  isExternal(port) && port.endpoints.length + port.localEndpoints.length > 0;

/**
 * Policy Cluster: everybody goes anywhere, as the node, because the answer must come back through here. Policy Local: pods
 * and this node itself are inside already and may use every endpoint (as in kube-proxy); others stay on this node and keep
 * their source.
 */
export function externalChain(port: ServicePort, { clusterCIDR }: RuleSettings): DesiredChain {
  const { all, local } = chainsOf(port);
  const { name } = port;
  const about = `for ${name}`;
  if (port.externalPolicy === 'Cluster') {
    const why = `${name}: the answer must come back through this node`;
    return { about, rules: [mark(why), `${comment(name)} -j ${all}`] };
  }
  const rules: string[] = [];
  if (port.endpoints.length > 0) {
    if (clusterCIDR !== undefined)
      rules.push(`-s ${clusterCIDR} ${comment(`${name}: pods may use every endpoint`)} -j ${all}`);
    const itself = `${name}: so may this node`;
    rules.push(mark(itself, '', fromNode), `${comment(itself)}${fromNode} -j ${all}`);
  }
  if (port.localEndpoints.length > 0) {
    if (clusterCIDR !== undefined) rules.push(unmark(`${name}: others keep their source`));
    rules.push(`${comment(`${name}: others stay on this node`)} -j ${local}`);
  }
  return { about, rules };
}

/**
 * Who may use the load balancer's addresses; who does not come through is dropped in the filter table. A node that holds such
 * an address itself speaks from it: nobody else can, the kernel takes no foreign packet from an address of its own.
 */
export function firewallChain(port: ServicePort, { family }: RuleSettings): DesiredChain {
  const { external } = chainsOf(port);
  const about = comment(`${port.name}: may use the load balancer`);
  const ranges = (port.sourceRanges ?? []).map((range) => `-s ${range} ${about} -j ${external}`);
  const itself = comment(`${port.name}: this node under the balancer's address`);
  const own = port.loadBalancerIPs.map((ip) => `${fromAddress(family, ip)} ${itself}${fromNode} -j ${external}`);
  return { about: `for ${port.name}`, rules: ranges.length === 0 ? [] : [...ranges, ...own] };
}
