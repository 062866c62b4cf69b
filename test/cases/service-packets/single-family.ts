/** Services of one family: nothing is there in the other. */
import { own, passedOn, seenAs } from '../expectations.ts';
import { FeatureBuilder } from '../feature.ts';

export const singleFamily = new FeatureBuilder('one family', 245);

const four = singleFamily.service('four', { type: 'NodePort', endpoints: ['a1', 'b1'], families: ['ipv4'] });
const six = singleFamily.service('six', { type: 'NodePort', endpoints: ['a1', 'b1'], families: ['ipv6'] });
singleFamily.case('IPv4 only', 'a2', four.cluster(), own('a1', 'b1'), { families: ['ipv4'] });
singleFamily.case('IPv4 only: its node port', 'outside', four.nodePort('node-a'), seenAs('node-a', 'a1', 'b1'), {
  families: ['ipv4'],
});
singleFamily.case('IPv4 only: no node port', 'outside', four.nodePort('node-a'), passedOn, { families: ['ipv6'] });
singleFamily.case('IPv6 only', 'a2', six.cluster(), own('a1', 'b1'), { families: ['ipv6'] });
singleFamily.case('IPv6 only: its node port', 'outside', six.nodePort('node-a'), seenAs('node-a', 'a1', 'b1'), {
  families: ['ipv6'],
});
singleFamily.case('IPv6 only: no node port', 'outside', six.nodePort('node-a'), passedOn, { families: ['ipv4'] });
