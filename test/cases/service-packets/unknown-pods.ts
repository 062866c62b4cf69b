/**
 * The proxy was not told which addresses are pods' (no `--cluster-cidr`): it takes nobody for a pod. What comes to a cluster IP keeps its
 * source, whoever it is, and policy Local holds for pods too. So it is with kube-proxy without detectLocalMode.
 */
import { dropped, each, own, seenAs } from '../expectations.ts';
import { FeatureBuilder, type CaseOptions } from '../feature.ts';

export const unknownPods = new FeatureBuilder('pods unknown', 160);

const started: CaseOptions = { setUp: 'pods unknown' };
const all = { type: 'NodePort', external: true } as const;

const open = unknownPods.service('unknown-web', { ...all, endpoints: ['a1', 'a2', 'b1'] });
unknownPods.case('a pod by the cluster IP', 'b2', open.cluster(), own('a1', 'a2', 'b1'), started);
unknownPods.case('a node by the cluster IP', 'node-a', open.cluster(), seenAs('node-a', 'a1', 'a2', 'b1'), started);
unknownPods.case(
  'a pod to itself or its neighbour',
  'a1',
  open.cluster(),
  each(seenAs('node-a', 'a1'), own('a2', 'b1')),
  started,
);
unknownPods.case(
  'a host by the node port',
  'outside',
  open.nodePort('node-a'),
  seenAs('node-a', 'a1', 'a2', 'b1'),
  started,
);
unknownPods.case('a pod by the node port', 'b2', open.nodePort('node-a'), seenAs('node-a', 'a1', 'a2', 'b1'), started);
unknownPods.case('a pod by the external IP', 'b2', open.external(), seenAs('node-b', 'a1', 'a2', 'b1'), started);

const here = unknownPods.service('unknown-here', { endpoints: ['a1'] });
unknownPods.case('a host by the cluster IP keeps its source', 'outside', here.cluster(), own('a1'), started);

const local = unknownPods.service('unknown-local', {
  ...all,
  endpoints: ['b1'],
  spec: { externalTrafficPolicy: 'Local' },
});
unknownPods.case('policy Local, a host, nobody here', 'outside', local.nodePort('node-a'), dropped, started);
unknownPods.case('policy Local, a host, somebody here', 'outside', local.nodePort('node-b'), own('b1'), started);
unknownPods.case('policy Local, a pod, nobody here', 'a1', local.external(), dropped, started);
unknownPods.case('policy Local, a pod, somebody here', 'b2', local.external(), own('b1'), started);
unknownPods.case('policy Local, the node itself', 'node-a', local.external(), seenAs('node-a', 'b1'), started);
unknownPods.case('policy Local, a pod by the cluster IP', 'a1', local.cluster(), own('b1'), started);
