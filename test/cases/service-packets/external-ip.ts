/** `externalIPs`, under both policies. */
import { dropped, own, passedOn, refused, seenAs } from '../expectations.ts';
import { FeatureBuilder } from '../feature.ts';

export const externalIP = new FeatureBuilder('external IP', 80);

const desk = externalIP.service('desk', { external: true, endpoints: ['a1', 'a2', 'b1'] });
const wire = externalIP.service('wire', {
  external: true,
  ports: [{ port: 53, protocol: 'UDP' }],
  endpoints: ['a1', 'b1'],
});
externalIP.case('from outside', 'outside', desk.external(), seenAs('node-a', 'a1', 'a2', 'b1'));
externalIP.case('from outside, through the other node', 'visitor', desk.external(), seenAs('node-b', 'a1', 'a2', 'b1'));
externalIP.case('from a pod', 'b2', desk.external(), seenAs('node-b', 'a1', 'a2', 'b1'));
externalIP.case('from a node', 'node-a', desk.external(), seenAs('node-a', 'a1', 'a2', 'b1'));
externalIP.case('datagrams from outside', 'outside', wire.external(), seenAs('node-a', 'a1', 'b1'));
externalIP.case('datagrams from a pod', 'a2', wire.external(), seenAs('node-a', 'a1', 'b1'));
externalIP.case('a port that it has not', 'a1', { ...desk.external(), ports: [81] }, passedOn);

const local = externalIP.service('near-desk', {
  external: true,
  endpoints: ['a1', 'b1'],
  spec: { externalTrafficPolicy: 'Local' },
});
const far = externalIP.service('far-desk', {
  external: true,
  endpoints: ['b1'],
  spec: { externalTrafficPolicy: 'Local' },
});
externalIP.case('policy Local keeps the source', 'outside', local.external(), own('a1'));
externalIP.case('policy Local, the other node', 'visitor', local.external(), own('b1'));
externalIP.case('policy Local, nobody here', 'outside', far.external(), dropped);
externalIP.case('policy Local, a pod may use everybody', 'b2', local.external(), own('a1', 'b1'));
externalIP.case('policy Local, nobody here, but a pod asks', 'a2', far.external(), own('b1'));
externalIP.case('policy Local, nobody here, but the node asks', 'node-a', far.external(), seenAs('node-a', 'b1'));

const closed = externalIP.service('no-desk', { external: true });
externalIP.case('without endpoints, from outside', 'outside', closed.external(), refused);
externalIP.case('without endpoints, from a pod', 'b1', closed.external(), refused);
