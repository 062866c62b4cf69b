/** Node ports, on each address of a node. */
import { passedOn, seenAs } from '../expectations.ts';
import { FeatureBuilder } from '../feature.ts';

export const nodePort = new FeatureBuilder('node port', 20);

const web = nodePort.service('door', { type: 'NodePort', endpoints: ['a1', 'a2', 'b1'] });
const here = nodePort.service('side-door', { type: 'NodePort', endpoints: ['a1'] });
const names = nodePort.service('hatch', {
  type: 'NodePort',
  ports: [{ port: 53, protocol: 'UDP' }],
  endpoints: ['a2', 'b1'],
});

nodePort.case('from outside', 'outside', web.nodePort('node-a'), seenAs('node-a', 'a1', 'a2', 'b1'));
nodePort.case('from outside, answered on the other node', 'outside', here.nodePort('node-b'), seenAs('node-b', 'a1'));
nodePort.case('from another node', 'node-b', web.nodePort('node-a'), seenAs('node-a', 'a1', 'a2', 'b1'));
nodePort.case('from the node itself', 'node-a', web.nodePort('node-a'), seenAs('node-a', 'a1', 'a2', 'b1'));
nodePort.case(
  'from the node itself, on its bridge',
  'node-a',
  here.nodePort('bridge of node-a'),
  seenAs('node-a', 'a1'),
);
nodePort.case('from a pod of the node', 'a2', here.nodePort('node-a'), seenAs('node-a', 'a1'));
nodePort.case('from a pod, on the bridge', 'a2', here.nodePort('bridge of node-a'), seenAs('node-a', 'a1'));
nodePort.case('from a pod of another node', 'b1', here.nodePort('node-a'), seenAs('node-a', 'a1'));
nodePort.case('from a pod to the other node, answered there', 'a2', here.nodePort('node-b'), seenAs('node-b', 'a1'));
nodePort.case('datagrams from outside', 'outside', names.nodePort('node-a'), seenAs('node-a', 'a2', 'b1'));
nodePort.case('datagrams from a pod', 'b2', names.nodePort('node-a'), seenAs('node-a', 'a2', 'b1'));
nodePort.case('datagrams from the node itself', 'node-b', names.nodePort('node-b'), seenAs('node-b', 'a2', 'b1'));
nodePort.case('not on loopback unless asked', 'node-a', web.nodePort('loopback'), passedOn);

// Where node ports listen (`--nodeport-addresses`).
nodePort.case('on an address that is listed', 'outside', web.nodePort('node-a'), seenAs('node-a', 'a1', 'a2', 'b1'), {
  setUp: 'switch only',
});
nodePort.case('on an address that is not listed', 'a2', web.nodePort('bridge of node-a'), passedOn, {
  setUp: 'switch only',
});
nodePort.case(
  'from the node itself on an address that is not listed',
  'node-a',
  web.nodePort('bridge of node-a'),
  passedOn,
  {
    setUp: 'switch only',
  },
);
nodePort.case('on loopback where asked', 'node-a', web.nodePort('loopback'), seenAs('node-a', 'a1', 'a2', 'b1'), {
  setUp: 'loopback too',
});
nodePort.case('datagrams on loopback where asked', 'node-b', names.nodePort('loopback'), seenAs('node-b', 'a2', 'b1'), {
  setUp: 'loopback too',
});
nodePort.case(
  'elsewhere than on loopback where both are asked',
  'outside',
  here.nodePort('node-a'),
  seenAs('node-a', 'a1'),
  {
    setUp: 'loopback too',
  },
);
