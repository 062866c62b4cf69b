/** Endpoints that are addresses of nodes (`hostNetwork`, the API server). */
import { dropped, own, seenAs } from '../expectations.ts';
import { FeatureBuilder } from '../feature.ts';

export const hostEndpoints = new FeatureBuilder('host endpoints', 225);

const near = hostEndpoints.service('host', { type: 'NodePort', endpoints: ['node-a'] });
hostEndpoints.case('a pod of that node', 'a1', near.cluster(), own('node-a'));
hostEndpoints.case('a pod of the other node', 'b1', near.cluster(), own('node-a'));
hostEndpoints.case('the node itself', 'node-a', near.cluster(), seenAs('node-a', 'node-a'));
hostEndpoints.case('the other node', 'node-b', near.cluster(), seenAs('node-b', 'node-a'));
hostEndpoints.case('from outside, on another node', 'outside', near.nodePort('node-b'), seenAs('node-b', 'node-a'));
// What stays on a node passes no POSTROUTING: nothing is masqueraded.
hostEndpoints.case('from outside, on that node', 'outside', near.nodePort('node-a'), own('node-a'));
hostEndpoints.case(
  'a node port of that node, from itself',
  'node-a',
  near.nodePort('node-a'),
  seenAs('node-a', 'node-a'),
);

const mixed = hostEndpoints.service('mixed-host', { endpoints: ['node-b', 'b1'] });
hostEndpoints.case('beside a pod', 'a1', mixed.cluster(), own('node-b', 'b1'));

const datagrams = hostEndpoints.service('host-names', {
  ports: [{ port: 53, protocol: 'UDP' }],
  endpoints: ['node-b'],
});
hostEndpoints.case('datagrams', 'a1', datagrams.cluster(), own('node-b'));

const local = hostEndpoints.service('host-local', {
  type: 'NodePort',
  endpoints: ['node-b'],
  spec: { externalTrafficPolicy: 'Local' },
});
hostEndpoints.case('policy Local, there', 'outside', local.nodePort('node-b'), own('node-b'));
hostEndpoints.case('policy Local, elsewhere', 'outside', local.nodePort('node-a'), dropped);
