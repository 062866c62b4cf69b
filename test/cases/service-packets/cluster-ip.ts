/** Cluster IPs: from everywhere, with answerers everywhere. */
import { own, passedOn, refused, seenAs } from '../expectations.ts';
import { FeatureBuilder } from '../feature.ts';
import { directly } from '../service.ts';

export const clusterIP = new FeatureBuilder('cluster IP', 10);

clusterIP.case('a pod to a pod of its node, through nothing', 'a1', directly('a2'), own('a2'));
clusterIP.case('a pod to a pod of another node, through nothing', 'a1', directly('b1'), own('b1'));
clusterIP.case('a pod to another node, through nothing', 'a1', directly('node-b'), own('node-b'));

const web = clusterIP.service('web', { endpoints: ['a1', 'a2', 'b1'] });
const here = clusterIP.service('here', { endpoints: ['a1'] });
const names = clusterIP.service('names', { ports: [{ port: 53, protocol: 'UDP' }], endpoints: ['a2', 'b1'] });

clusterIP.case('a pod elsewhere', 'b2', web.cluster(), own('a1', 'a2', 'b1'));
clusterIP.case('a pod that shares the node with the answerer', 'a2', here.cluster(), own('a1'));
clusterIP.case('a pod, answered on another node', 'b1', here.cluster(), own('a1'));
clusterIP.case('a node', 'node-a', web.cluster(), seenAs('node-a', 'a1', 'a2', 'b1'));
clusterIP.case('a node, answered on another node', 'node-b', here.cluster(), seenAs('node-b', 'a1'));
clusterIP.case('a host outside that has a route', 'outside', web.cluster(), seenAs('node-a', 'a1', 'a2', 'b1'));
clusterIP.case('datagrams of a pod', 'a1', names.cluster(), own('a2', 'b1'));
clusterIP.case('datagrams of a node', 'node-b', names.cluster(), seenAs('node-b', 'a2', 'b1'));
clusterIP.case('datagrams from outside', 'outside', names.cluster(), seenAs('node-a', 'a2', 'b1'));
clusterIP.case('a port that no Service has', 'b1', web.otherPort(81), passedOn, {
  inMode: {
    nftables: {
      expect: refused,
      why: 'as kube-proxy there: cluster IPs are in a set, so their other ports can be refused',
    },
  },
});
