/** Addresses of load balancers. A node answers for them itself: nothing that is inside goes out and in again. */
import { dropped, own, passedOn, refused, seenAs } from '../expectations.ts';
import { FeatureBuilder } from '../feature.ts';

export const loadBalancer = new FeatureBuilder('load balancer', 40);

const shop = loadBalancer.service('shop', { type: 'LoadBalancer', endpoints: ['a1', 'a2', 'b1'] });
const hose = loadBalancer.service('hose', {
  type: 'LoadBalancer',
  ports: [{ port: 53, protocol: 'UDP' }],
  endpoints: ['b1'],
});

loadBalancer.case('from outside', 'outside', shop.loadBalancer(), seenAs('node-a', 'a1', 'a2', 'b1'));
loadBalancer.case(
  'from outside, through the other node',
  'visitor',
  shop.loadBalancer(),
  seenAs('node-b', 'a1', 'a2', 'b1'),
);
loadBalancer.case('a pod never leaves its node for it', 'b2', shop.loadBalancer(), seenAs('node-b', 'a1', 'a2', 'b1'));
loadBalancer.case('a node never leaves for it', 'node-b', shop.loadBalancer(), seenAs('node-b', 'a1', 'a2', 'b1'));
loadBalancer.case('datagrams from outside', 'outside', hose.loadBalancer(), seenAs('node-a', 'b1'));
loadBalancer.case('its node port works too', 'outside', shop.nodePort('node-b'), seenAs('node-b', 'a1', 'a2', 'b1'));
loadBalancer.case('its cluster IP works too', 'b2', shop.cluster(), own('a1', 'a2', 'b1'));
loadBalancer.case('a port that it has not', 'outside', { ...shop.loadBalancer(), ports: [81] }, passedOn);

const bare = loadBalancer.service('portless', {
  type: 'LoadBalancer',
  endpoints: ['a1', 'b1'],
  spec: { allocateLoadBalancerNodePorts: false },
});
loadBalancer.case('without node ports', 'outside', bare.loadBalancer(), seenAs('node-a', 'a1', 'b1'));
loadBalancer.case('without node ports there is none', 'outside', bare.nodePort('node-a'), passedOn);

const proxied = loadBalancer.service('proxied', { type: 'LoadBalancer', ipMode: 'Proxy', endpoints: ['a1'] });
loadBalancer.case('ipMode Proxy: a pod goes out to it', 'a2', proxied.loadBalancer(), passedOn);
loadBalancer.case('ipMode Proxy: a node goes out to it', 'node-a', proxied.loadBalancer(), passedOn);
loadBalancer.case('ipMode Proxy: its node port works', 'outside', proxied.nodePort('node-a'), seenAs('node-a', 'a1'));

const local = loadBalancer.service('kiosk', {
  type: 'LoadBalancer',
  endpoints: ['a1', 'a2', 'b1'],
  spec: { externalTrafficPolicy: 'Local' },
});
const far = loadBalancer.service('far-kiosk', {
  type: 'LoadBalancer',
  endpoints: ['b1'],
  spec: { externalTrafficPolicy: 'Local' },
});
loadBalancer.case('policy Local keeps the source', 'outside', local.loadBalancer(), own('a1', 'a2'));
loadBalancer.case('policy Local, the other node', 'visitor', local.loadBalancer(), own('b1'));
loadBalancer.case('policy Local, nobody here', 'outside', far.loadBalancer(), dropped);
loadBalancer.case('policy Local, nobody here, but a pod asks', 'a1', far.loadBalancer(), own('b1'));
loadBalancer.case('policy Local: a pod may use everybody', 'b2', local.loadBalancer(), own('a1', 'a2', 'b1'));
loadBalancer.case(
  'policy Local: a node may use everybody',
  'node-b',
  local.loadBalancer(),
  seenAs('node-b', 'a1', 'a2', 'b1'),
);

const closed = loadBalancer.service('closed', { type: 'LoadBalancer' });
loadBalancer.case('without endpoints, from outside', 'outside', closed.loadBalancer(), refused);
loadBalancer.case('without endpoints, from a pod', 'a1', closed.loadBalancer(), refused);
loadBalancer.case('without endpoints, from a node', 'node-a', closed.loadBalancer(), refused);
