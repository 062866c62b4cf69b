/** A pod that reaches itself through a Service must see another source than itself; everybody else sees the pod as it is. */
import { each, own, seenAs } from '../expectations.ts';
import { FeatureBuilder } from '../feature.ts';

export const hairpin = new FeatureBuilder('hairpin', 210);

const all = {
  type: 'LoadBalancer',
  external: true,
  endpoints: ['a1'],
} as const;
const self = hairpin.service('self', all);
hairpin.case('by the cluster IP', 'a1', self.cluster(), seenAs('node-a', 'a1'));
hairpin.case('by a node port', 'a1', self.nodePort('node-a'), seenAs('node-a', 'a1'));
hairpin.case('by a node port of the other node', 'a1', self.nodePort('node-b'), seenAs('node-b', 'a1'));
hairpin.case('by the external IP', 'a1', self.external(), seenAs('node-a', 'a1'));
hairpin.case('by the load balancer', 'a1', self.loadBalancer(), seenAs('node-a', 'a1'));

const two = hairpin.service('mirror', { endpoints: ['a1', 'a2'] });
hairpin.case(
  'itself as the node, its neighbour as it is',
  'a1',
  two.cluster(),
  each(seenAs('node-a', 'a1'), own('a2')),
);

const datagrams = hairpin.service('echo', { ports: [{ port: 53, protocol: 'UDP' }], endpoints: ['b1'] });
hairpin.case('datagrams', 'b1', datagrams.cluster(), seenAs('node-b', 'b1'));

const local = hairpin.service('inward', { ...all, spec: { externalTrafficPolicy: 'Local' } });
hairpin.case('policy Local, by a node port', 'a1', local.nodePort('node-a'), seenAs('node-a', 'a1'));
hairpin.case('policy Local, by the load balancer', 'a1', local.loadBalancer(), seenAs('node-a', 'a1'));

const internal = hairpin.service('introvert', { endpoints: ['a1'], spec: { internalTrafficPolicy: 'Local' } });
hairpin.case('internal policy Local', 'a1', internal.cluster(), seenAs('node-a', 'a1'));

const sticky = hairpin.service('narcissus', { endpoints: ['a1'], spec: { sessionAffinity: 'ClientIP' } });
hairpin.case('with affinity', 'a1', sticky.cluster(), seenAs('node-a', 'a1'));
