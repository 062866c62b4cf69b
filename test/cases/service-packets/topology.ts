/** Hints of EndpointSlices: `trafficDistribution` as the proxy sees it. */
import { each, own, seenAs } from '../expectations.ts';
import { FeatureBuilder } from '../feature.ts';
import type { EndpointSpec } from '../service.ts';
import type { Party } from '../world.ts';

export const topology = new FeatureBuilder('topology', 190);

const inZone = (party: Party, ...forZones: string[]): EndpointSpec => ({ party, ready: true, forZones });
const onNode = (party: Party, ...forNodes: string[]): EndpointSpec => ({ party, ready: true, forNodes });

const zones = topology.service('zones', {
  type: 'NodePort',
  external: true,
  endpoints: [inZone('a1', 'zone-1'), inZone('a2', 'zone-1'), inZone('b1', 'zone-2')],
});
topology.case('zones: those of the zone of the sender', 'a2', zones.cluster(), each(own('a1'), seenAs('node-a', 'a2')));
topology.case('zones: those of the other zone', 'b2', zones.cluster(), own('b1'));
topology.case('zones: a node', 'node-b', zones.cluster(), seenAs('node-b', 'b1'));
topology.case('zones: a node port, too', 'outside', zones.nodePort('node-b'), seenAs('node-b', 'b1'));
topology.case('zones: an external IP, too', 'visitor', zones.external(), seenAs('node-b', 'b1'));

const swapped = topology.service('swapped', { endpoints: [inZone('a1', 'zone-2'), inZone('b1', 'zone-1')] });
topology.case('zones: the hint counts, not the place', 'a2', swapped.cluster(), own('b1'));

const wide = topology.service('wide', { endpoints: [inZone('a1', 'zone-1', 'zone-2'), inZone('b1', 'zone-2')] });
topology.case('zones: an endpoint for two', 'b2', wide.cluster(), own('a1', 'b1'));

const torn = topology.service('torn', { endpoints: [inZone('a1', 'zone-1'), 'b1'] });
topology.case('zones: one hint is missing: everybody', 'a2', torn.cluster(), own('a1', 'b1'));

const elsewhere = topology.service('elsewhere', { endpoints: [inZone('a1', 'zone-3'), inZone('b1', 'zone-3')] });
topology.case('zones: nobody for this one: everybody', 'a2', elsewhere.cluster(), own('a1', 'b1'));

const sick = topology.service('sick', {
  endpoints: [
    { party: 'a1', ready: false, serving: true, terminating: true, forZones: ['zone-1'] },
    inZone('b1', 'zone-2'),
  ],
});
topology.case('zones: nobody ready for this one: everybody ready', 'a2', sick.cluster(), own('b1'));

const nodes = topology.service('nodes', { endpoints: [onNode('a1', 'node-a'), onNode('b1', 'node-b')] });
topology.case('nodes: those of this node', 'a2', nodes.cluster(), own('a1'));
topology.case('nodes: those of the other node', 'b2', nodes.cluster(), own('b1'));

const nodeFirst = topology.service('node-first', {
  endpoints: [
    { party: 'a1', ready: true, forNodes: ['node-a'], forZones: ['zone-1'] },
    { party: 'a2', ready: true, forNodes: ['node-c'], forZones: ['zone-1'] },
    { party: 'b1', ready: true, forNodes: ['node-c'], forZones: ['zone-2'] },
  ],
});
topology.case('nodes go before zones', 'a2', nodeFirst.cluster(), own('a1'));
topology.case('nodes: nobody for this one: its zone', 'b2', nodeFirst.cluster(), own('b1'));

const tornNodes = topology.service('torn-nodes', { endpoints: [onNode('a1', 'node-a'), 'b1'] });
topology.case('nodes: one hint is missing: everybody', 'a2', tornNodes.cluster(), own('a1', 'b1'));

const local = topology.service('local-zones', {
  type: 'NodePort',
  endpoints: [inZone('a1', 'zone-2'), inZone('a2', 'zone-1'), inZone('b1', 'zone-2')],
  spec: { externalTrafficPolicy: 'Local' },
});
topology.case('policy Local does not look at hints', 'outside', local.nodePort('node-a'), own('a1', 'a2'));
topology.case('policy Local, a pod asks: hints count', 'b2', local.nodePort('node-b'), own('a1', 'b1'));
