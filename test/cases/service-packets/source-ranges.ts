/** `loadBalancerSourceRanges`: who may use a load balancer's address. Nothing else of the Service is guarded. */
import { dropped, own, seenAs } from '../expectations.ts';
import { FeatureBuilder } from '../feature.ts';
import { addressesOf } from '../world.ts';

export const sourceRanges = new FeatureBuilder('source ranges', 60);

const only = (...cidrs: string[]): { loadBalancerSourceRanges: string[] } => ({ loadBalancerSourceRanges: cidrs });
const outside = [`${addressesOf.outside.ipv4}/32`, `${addressesOf.outside.ipv6}/128`];

const club = sourceRanges.service('club', {
  type: 'LoadBalancer',
  external: true,
  endpoints: ['a1', 'b1'],
  spec: only(...outside),
});
sourceRanges.case('who is listed', 'outside', club.loadBalancer(), seenAs('node-a', 'a1', 'b1'));
sourceRanges.case('who is not listed', 'stranger', club.loadBalancer(), dropped);
sourceRanges.case('a pod that is not listed', 'a2', club.loadBalancer(), dropped);
sourceRanges.case('a node that is not listed', 'node-a', club.loadBalancer(), dropped);
sourceRanges.case('the node port is not guarded', 'stranger', club.nodePort('node-a'), seenAs('node-a', 'a1', 'b1'));
sourceRanges.case('the external IP is not guarded', 'stranger', club.external(), seenAs('node-a', 'a1', 'b1'));
sourceRanges.case('the cluster IP is not guarded', 'a2', club.cluster(), own('a1', 'b1'));

const inner = sourceRanges.service('inner-club', {
  type: 'LoadBalancer',
  endpoints: ['a1', 'b1'],
  spec: only('10.77.0.0/16', 'fd00:77::/32'),
});
sourceRanges.case('pods are listed', 'b2', inner.loadBalancer(), seenAs('node-b', 'a1', 'b1'));
sourceRanges.case('pods are listed, hosts are not', 'outside', inner.loadBalancer(), dropped);

const subnet = sourceRanges.service('members', {
  type: 'LoadBalancer',
  endpoints: ['a1', 'b1'],
  spec: only('192.168.77.0/27', 'fd00:99::/123', '192.168.77.201/32', 'fd00:99::201/128'),
});
sourceRanges.case('nodes are listed', 'node-b', subnet.loadBalancer(), seenAs('node-b', 'a1', 'b1'));
sourceRanges.case('one of several ranges', 'stranger', subnet.loadBalancer(), seenAs('node-a', 'a1', 'b1'));
sourceRanges.case('none of several ranges', 'outside', subnet.loadBalancer(), dropped);

const datagrams = sourceRanges.service('wires', {
  type: 'LoadBalancer',
  ports: [{ port: 53, protocol: 'UDP' }],
  endpoints: ['b1'],
  spec: only(...outside),
});
sourceRanges.case('datagrams of who is listed', 'outside', datagrams.loadBalancer(), seenAs('node-a', 'b1'));
sourceRanges.case('datagrams of who is not listed', 'stranger', datagrams.loadBalancer(), dropped);

const local = sourceRanges.service('box', {
  type: 'LoadBalancer',
  endpoints: ['a1', 'b1'],
  spec: { ...only(...outside), externalTrafficPolicy: 'Local' },
});
sourceRanges.case('policy Local, who is listed', 'outside', local.loadBalancer(), own('a1'));
sourceRanges.case('policy Local, who is not listed', 'stranger', local.loadBalancer(), dropped);
sourceRanges.case('policy Local, a pod that is not listed', 'a2', local.loadBalancer(), dropped);

const open = sourceRanges.service('open', {
  type: 'LoadBalancer',
  endpoints: ['b1'],
  spec: only('0.0.0.0/0', '::/0'),
});
sourceRanges.case('everybody is listed', 'stranger', open.loadBalancer(), seenAs('node-a', 'b1'));

// kube-proxy lets everybody of the other family in; the model says why it does not.
const v4 = sourceRanges.service('old-club', { type: 'LoadBalancer', endpoints: ['b1'], spec: only('192.168.77.0/24') });
sourceRanges.case('ranges of the other family let nobody in', 'outside', v4.loadBalancer(), dropped, {
  families: ['ipv6'],
});
sourceRanges.case('ranges of the own family let in', 'outside', v4.loadBalancer(), seenAs('node-a', 'b1'), {
  families: ['ipv4'],
});
