/** A host port can be had once per node, address and protocol. */
import type { Filter } from '../framework.ts';
import type { HostPort } from '../requests.ts';

function clash(a: HostPort, b: HostPort): boolean {
  if (a.port !== b.port || a.protocol !== b.protocol) return false;
  return a.ip === b.ip || a.ip === '0.0.0.0' || b.ip === '0.0.0.0';
}

export const nodePorts: Filter = {
  name: 'NodePorts',
  reasons: ({ requests }, node) => {
    if (requests.hostPorts.length === 0) return [];
    const taken = node.hostPorts;
    const isFree = requests.hostPorts.every((wanted) => !taken.some((each) => clash(wanted, each)));
    return isFree ? [] : ["node(s) didn't have free ports for the requested pod ports"];
  },
};
