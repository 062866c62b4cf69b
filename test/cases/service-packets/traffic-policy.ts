/** Internal and external traffic policy. */
import { dropped, own, seenAs } from '../expectations.ts';
import { FeatureBuilder } from '../feature.ts';

export const trafficPolicy = new FeatureBuilder('traffic policy', 150);

const homely = trafficPolicy.service('homely', {
  endpoints: ['a1', 'b1'],
  spec: { internalTrafficPolicy: 'Local' },
});
const away = trafficPolicy.service('away', { endpoints: ['b1'], spec: { internalTrafficPolicy: 'Local' } });
trafficPolicy.case('internal Local, a pod', 'a2', homely.cluster(), own('a1'));
trafficPolicy.case('internal Local, a pod of the other node', 'b2', homely.cluster(), own('b1'));
trafficPolicy.case('internal Local, a node', 'node-a', homely.cluster(), seenAs('node-a', 'a1'));
trafficPolicy.case(
  'internal Local, a host outside that has a route',
  'outside',
  homely.cluster(),
  seenAs('node-a', 'a1'),
);
trafficPolicy.case('internal Local, nobody here', 'a2', away.cluster(), dropped);
trafficPolicy.case('internal Local, nobody here, a node', 'node-a', away.cluster(), dropped);
trafficPolicy.case('internal Local, nobody here, from outside', 'outside', away.cluster(), dropped);

const quiet = trafficPolicy.service('quiet', {
  ports: [{ port: 53, protocol: 'UDP' }],
  endpoints: ['b1'],
  spec: { internalTrafficPolicy: 'Local' },
});
trafficPolicy.case('internal Local, datagrams, here', 'b2', quiet.cluster(), own('b1'));
trafficPolicy.case('internal Local, datagrams, nobody here', 'a1', quiet.cluster(), dropped);

const near = trafficPolicy.service('near', {
  type: 'NodePort',
  endpoints: ['a1', 'b1'],
  spec: { externalTrafficPolicy: 'Local' },
});
const far = trafficPolicy.service('far', {
  type: 'NodePort',
  endpoints: ['b1'],
  spec: { externalTrafficPolicy: 'Local' },
});
trafficPolicy.case('external Local, answered here', 'outside', near.nodePort('node-a'), own('a1'));
trafficPolicy.case('external Local, answered on the other node', 'outside', near.nodePort('node-b'), own('b1'));
trafficPolicy.case('external Local, nobody here', 'outside', far.nodePort('node-a'), dropped);
trafficPolicy.case('external Local, nobody here, from another node', 'node-b', far.nodePort('node-a'), dropped);
trafficPolicy.case('external Local, nobody here, but a pod asks', 'a1', far.nodePort('node-a'), own('b1'));
trafficPolicy.case(
  'external Local, nobody here, but the node asks',
  'node-a',
  far.nodePort('node-a'),
  seenAs('node-a', 'b1'),
);
trafficPolicy.case('external Local says nothing about cluster IPs', 'a1', far.cluster(), own('b1'));

const both = trafficPolicy.service('both', {
  type: 'NodePort',
  endpoints: ['a1', 'a2', 'b1'],
  spec: { externalTrafficPolicy: 'Local', internalTrafficPolicy: 'Local' },
});
trafficPolicy.case('both Local, a pod', 'b2', both.cluster(), own('b1'));
trafficPolicy.case('both Local, from outside', 'outside', both.nodePort('node-a'), own('a1', 'a2'));
trafficPolicy.case(
  'both Local, a pod on a node port may use everybody',
  'b2',
  both.nodePort('node-b'),
  own('a1', 'a2', 'b1'),
);

const inside = trafficPolicy.service('inside', {
  type: 'NodePort',
  endpoints: ['a1', 'b1'],
  spec: { internalTrafficPolicy: 'Local' },
});
trafficPolicy.case(
  'internal Local says nothing about node ports',
  'outside',
  inside.nodePort('node-a'),
  seenAs('node-a', 'a1', 'b1'),
);
