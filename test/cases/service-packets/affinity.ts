/** Session affinity: a client stays with the endpoint it had last, for so many seconds after its last connection. */
import { anybodyOf, each, own, refused, seenAs, theSame, theSameSeenAs, type Expectation } from '../expectations.ts';
import { FeatureBuilder, steps } from '../feature.ts';
import type { ServiceSpec } from '../service.ts';

export const affinity = new FeatureBuilder('affinity', 130);

const { ask, wait, change } = steps;
const sticky = (timeoutSeconds: number): Pick<ServiceSpec, 'spec'> => ({
  spec: { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds } } },
});
const all: Expectation = own('a1', 'a2', 'b1');
const endpoints = ['a1', 'a2', 'b1'] as const;

const home = affinity.service('home', { type: 'LoadBalancer', external: true, endpoints, ...sticky(3600) });
affinity.sequence('the same client, the same endpoint', [
  ask('b2', home.cluster(), all),
  ask('b2', home.cluster(), theSame),
  ask('b2', home.cluster(), theSame),
  ask('b2', home.cluster(), theSame),
]);
affinity.sequence('a node is a client too', [
  ask('node-a', home.cluster(), seenAs('node-a', ...endpoints)),
  ask('node-a', home.cluster(), theSameSeenAs('node-a')),
  ask('node-a', home.cluster(), theSameSeenAs('node-a')),
]);
affinity.sequence('on a node port', [
  ask('outside', home.nodePort('node-a'), seenAs('node-a', ...endpoints)),
  ask('outside', home.nodePort('node-a'), theSameSeenAs('node-a')),
  ask('outside', home.nodePort('node-a'), theSameSeenAs('node-a')),
]);
affinity.sequence('on an external IP', [
  ask('stranger', home.external(), seenAs('node-a', ...endpoints)),
  ask('stranger', home.external(), theSameSeenAs('node-a')),
  ask('stranger', home.external(), theSameSeenAs('node-a')),
]);
affinity.sequence('on a load balancer, and on to its node port', [
  ask('visitor', home.loadBalancer(), seenAs('node-b', ...endpoints)),
  ask('visitor', home.loadBalancer(), theSameSeenAs('node-b')),
  ask('visitor', home.nodePort('node-b'), theSameSeenAs('node-b')),
]);

const shared = affinity.service('shared', { endpoints, ...sticky(3600) });
affinity.sequence('another client has a choice of its own', [
  ask('b2', shared.cluster(), all),
  ask('b1', shared.cluster(), each(own('a1', 'a2'), seenAs('node-b', 'b1'))),
]);

const plain = affinity.service('fickle', { endpoints });
affinity.sequence('without it every connection chooses', [
  ask('b2', plain.cluster(), all),
  ask('b2', plain.cluster(), all),
]);

const wires = affinity.service('lines', { ports: [{ port: 53, protocol: 'UDP' }], endpoints, ...sticky(3600) });
affinity.sequence('datagrams', [
  ask('b2', wires.cluster(), all),
  ask('b2', wires.cluster(), theSame),
  ask('b2', wires.cluster(), theSame),
]);

const ten = Array.from({ length: 10 }, (_, index) => ({ name: `p${index}`, port: 80 + index }));
const forgetful = affinity.service('forgetful', { ports: ten, endpoints, ...sticky(1) });
affinity.sequence('after the timeout anybody', [
  ask('b2', forgetful.everyPort(), all),
  wait(2),
  ask('b2', forgetful.everyPort(), anybodyOf(...endpoints)),
]);

const renewed = affinity.service('renewed', { endpoints, ...sticky(2) });
affinity.sequence('each connection starts the timeout anew', [
  ask('b2', renewed.cluster(), all),
  wait(1.2),
  ask('b2', renewed.cluster(), theSame),
  wait(1.2),
  ask('b2', renewed.cluster(), theSame),
  wait(1.2),
  ask('b2', renewed.cluster(), theSame),
]);

const fading = affinity.service('fading', { endpoints: ['a1'], ...sticky(3600) });
affinity.sequence('its endpoint gone: another one at once', [
  ask('b2', fading.cluster(), own('a1')),
  change(fading, ['a2', 'b1']),
  ask('b2', fading.cluster(), own('a2', 'b1')),
  ask('b2', fading.cluster(), theSame),
]);

const growing = affinity.service('growing', { endpoints: ['a2'], ...sticky(3600) });
affinity.sequence('others that come change nothing', [
  ask('b2', growing.cluster(), own('a2')),
  change(growing, ['a1', 'a2', 'b1']),
  wait(1),
  ask('b2', growing.cluster(), theSame),
  ask('b2', growing.cluster(), theSame),
]);

const emptied = affinity.service('emptied', { endpoints: ['a1'], ...sticky(3600) });
affinity.sequence('its last endpoint gone: refused', [
  ask('b2', emptied.cluster(), own('a1')),
  change(emptied, []),
  ask('b2', emptied.cluster(), refused),
]);

const local = affinity.service('loyal', {
  type: 'NodePort',
  endpoints,
  spec: { ...sticky(3600).spec, externalTrafficPolicy: 'Local' },
});
affinity.sequence('policy Local: among the endpoints of this node', [
  ask('outside', local.nodePort('node-a'), own('a1', 'a2')),
  ask('outside', local.nodePort('node-a'), theSame),
  ask('outside', local.nodePort('node-a'), theSame),
]);

const internal = affinity.service('homebody', {
  endpoints,
  spec: { ...sticky(3600).spec, internalTrafficPolicy: 'Local' },
});
affinity.sequence('internal policy Local: among the endpoints of this node', [
  ask('node-a', internal.cluster(), seenAs('node-a', 'a1', 'a2')),
  ask('node-a', internal.cluster(), theSameSeenAs('node-a')),
]);
