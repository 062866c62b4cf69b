/**
 * One Service of each kind, asked on node-a at each of its doors and by each kind of sender: whatever single rule of node-a is wrong,
 * one of these notices (src/proxy/mutations.test.ts).
 */
import { anybodyOf, dropped, each, own, passedOn, refused, seenAs, theSame } from '../expectations.ts';
import { FeatureBuilder, steps } from '../feature.ts';
import { addressesOf } from '../world.ts';

export const doors = new FeatureBuilder('doors', 30);

const { ask, wait } = steps;
const all = { type: 'LoadBalancer', external: true } as const;

const open = doors.service('open-house', { ...all, endpoints: ['a1', 'b1'] });
doors.case('open: a pod by the cluster IP', 'a2', open.cluster(), own('a1', 'b1'));
doors.case('open: a node by the cluster IP', 'node-a', open.cluster(), seenAs('node-a', 'a1', 'b1'));
doors.case('open: a host by the cluster IP', 'outside', open.cluster(), seenAs('node-a', 'a1', 'b1'));
doors.case('open: a host by the node port', 'outside', open.nodePort('node-a'), seenAs('node-a', 'a1', 'b1'));
doors.case('open: a pod by the node port', 'a2', open.nodePort('node-a'), seenAs('node-a', 'a1', 'b1'));
doors.case('open: a host by the external IP', 'outside', open.external(), seenAs('node-a', 'a1', 'b1'));
doors.case('open: a host by the load balancer', 'outside', open.loadBalancer(), seenAs('node-a', 'a1', 'b1'));
doors.case('open: no further than its ports', 'outside', { ...open.external(), ports: [81] }, passedOn);

const local = doors.service('own-house', {
  ...all,
  endpoints: ['a1', 'b1'],
  spec: {
    externalTrafficPolicy: 'Local',
    loadBalancerSourceRanges: [
      ...[`${addressesOf.outside.ipv4}/32`, `${addressesOf.outside.ipv6}/128`],
      ...[`${addressesOf.a2.ipv4}/32`, `${addressesOf.a2.ipv6}/128`],
    ],
  },
});
doors.case('local: a pod by the cluster IP', 'a2', local.cluster(), own('a1', 'b1'));
doors.case('local: a host by the node port', 'stranger', local.nodePort('node-a'), own('a1'));
doors.case('local: a pod by the node port', 'a2', local.nodePort('node-a'), own('a1', 'b1'));
doors.case('local: a node by the node port', 'node-a', local.nodePort('node-a'), seenAs('node-a', 'a1', 'b1'));
doors.case('local: a host by the external IP', 'stranger', local.external(), own('a1'));
doors.case('local: a host that is listed', 'outside', local.loadBalancer(), own('a1'));
doors.case('local: a host that is not listed', 'stranger', local.loadBalancer(), dropped);
doors.case('local: a pod that is listed', 'a2', local.loadBalancer(), own('a1', 'b1'));
doors.case('local: a pod that is not listed', 'a1', local.loadBalancer(), dropped);

const sticky = doors.service('sticky-house', {
  endpoints: ['a1', 'b1'],
  spec: { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 2 } } },
});
doors.sequence('sticky: a client is remembered, and forgotten', [
  ask('a2', sticky.cluster(), own('a1', 'b1')),
  wait(1.2),
  ask('a2', sticky.cluster(), theSame),
  wait(1.2),
  ask('a2', sticky.cluster(), theSame),
  wait(3),
  ask('a2', sticky.cluster(), anybodyOf('a1', 'b1')),
]);

const empty = doors.service('empty-house', { ...all });
doors.case('empty: the cluster IP', 'a2', empty.cluster(), refused);
doors.case('empty: the cluster IP, for a node', 'node-a', empty.cluster(), refused);
doors.case('empty: the node port', 'outside', empty.nodePort('node-a'), refused);
doors.case('empty: the external IP', 'outside', empty.external(), refused);
doors.case('empty: the load balancer', 'outside', empty.loadBalancer(), refused);

const far = doors.service('far-house', {
  ...all,
  endpoints: ['b1'],
  spec: { externalTrafficPolicy: 'Local', internalTrafficPolicy: 'Local' },
});
doors.case('far: a pod by the cluster IP', 'a2', far.cluster(), dropped);
doors.case('far: a host by the node port', 'outside', far.nodePort('node-a'), dropped);
doors.case('far: a host by the external IP', 'outside', far.external(), dropped);
doors.case('far: a host by the load balancer', 'outside', far.loadBalancer(), dropped);
doors.case('far: a pod by the node port', 'a2', far.nodePort('node-a'), own('b1'));
doors.case('far: a node by the node port', 'node-a', far.nodePort('node-a'), seenAs('node-a', 'b1'));
doors.case('far: a pod by the external IP', 'a2', far.external(), own('b1'));
doors.case('far: a pod by the load balancer', 'a2', far.loadBalancer(), own('b1'));

const inner = doors.service('inner-house', {
  endpoints: ['a1', 'a2', 'b1'],
  spec: { internalTrafficPolicy: 'Local' },
});
doors.case('inner: a pod', 'a1', inner.cluster(), each(seenAs('node-a', 'a1'), own('a2')));
doors.case('inner: a pod, from the other side', 'a2', inner.cluster(), each(seenAs('node-a', 'a2'), own('a1')));

const wires = doors.service('wire-house', {
  type: 'NodePort',
  ports: [
    { name: 'full', port: 53, protocol: 'UDP', endpoints: ['a1', 'b1'] },
    { name: 'empty', port: 54, protocol: 'UDP' },
  ],
});
doors.case('datagrams: a pod by the cluster IP', 'a2', wires.cluster('full'), own('a1', 'b1'));
doors.case(
  'datagrams: a host by the node port',
  'outside',
  wires.nodePort('node-a', 'full'),
  seenAs('node-a', 'a1', 'b1'),
);
doors.case('datagrams: a pod by the node port', 'a2', wires.nodePort('node-a', 'full'), seenAs('node-a', 'a1', 'b1'));
doors.case('datagrams: nobody at the cluster IP', 'a2', wires.cluster('empty'), refused);
doors.case('datagrams: nobody at the node port', 'outside', wires.nodePort('node-a', 'empty'), refused);
