/** A Service without endpoints refuses at once: nobody waits. */
import { refused } from '../expectations.ts';
import { FeatureBuilder } from '../feature.ts';

export const refusals = new FeatureBuilder('refusal', 235);

const nobody = refusals.service('nobody', {
  type: 'NodePort',
  external: true,
  ports: [
    { name: 'web', port: 80 },
    { name: 'names', port: 53, protocol: 'UDP' },
  ],
});
refusals.case('a pod', 'a1', nobody.cluster(), refused);
refusals.case('a node', 'node-a', nobody.cluster(), refused);
refusals.case('a host outside that has a route', 'outside', nobody.cluster(), refused);
refusals.case('datagrams of a pod', 'b2', nobody.cluster('names'), refused);
refusals.case('datagrams of a node', 'node-b', nobody.cluster('names'), refused);
refusals.case('a node port, from outside', 'outside', nobody.nodePort('node-a'), refused);
refusals.case('a node port, from a pod', 'a1', nobody.nodePort('node-a'), refused);
refusals.case('a node port, from the node', 'node-a', nobody.nodePort('node-a'), refused);
refusals.case('a node port, datagrams', 'outside', nobody.nodePort('node-a', 'names'), refused);
refusals.case('an external IP, from a node', 'node-b', nobody.external(), refused);
refusals.case('an external IP, datagrams', 'stranger', nobody.external('names'), refused);

const local = refusals.service('nobody-local', {
  type: 'NodePort',
  spec: { externalTrafficPolicy: 'Local', internalTrafficPolicy: 'Local' },
});
refusals.case('both policies Local: nobody anywhere', 'outside', local.nodePort('node-a'), refused);
refusals.case('both policies Local: nobody anywhere, a pod', 'a1', local.cluster(), refused);
