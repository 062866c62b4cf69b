/** Several ports; the protocols of one number. */
import { own, passedOn, refused, seenAs } from '../expectations.ts';
import { FeatureBuilder } from '../feature.ts';
import { serverPorts } from '../world.ts';

export const ports = new FeatureBuilder('ports', 110);

const three = ports.service('three', {
  type: 'NodePort',
  ports: [
    { name: 'tcp', port: 53, protocol: 'TCP', endpoints: ['a1'] },
    { name: 'udp', port: 53, protocol: 'UDP', endpoints: ['a2'] },
    { name: 'sctp', port: 53, protocol: 'SCTP', endpoints: ['b1'] },
  ],
});
ports.case('one number, TCP', 'b2', three.cluster('tcp'), own('a1'));
ports.case('one number, UDP', 'b2', three.cluster('udp'), own('a2'));
ports.case('one number, SCTP', 'b2', three.cluster('sctp'), own('b1'));
ports.case('one node port, TCP', 'outside', three.nodePort('node-a', 'tcp'), seenAs('node-a', 'a1'));
ports.case('one node port, UDP', 'outside', three.nodePort('node-a', 'udp'), seenAs('node-a', 'a2'));
ports.case('one node port, SCTP', 'outside', three.nodePort('node-a', 'sctp'), seenAs('node-a', 'b1'));

const many = ports.service('many', {
  type: 'LoadBalancer',
  external: true,
  ports: [
    { name: 'web', port: 80, endpoints: ['a1', 'b1'] },
    { name: 'admin', port: 8443, target: serverPorts.otherTcp, endpoints: ['a2', 'b2'] },
    { name: 'empty', port: 9000, endpoints: [] },
  ],
});
ports.case('the first of several', 'a2', many.cluster('web'), own('a1', 'b1'));
ports.case('the second of several, elsewhere', 'b1', many.cluster('admin'), own('a2', 'b2'));
ports.case('the third has nobody', 'a1', many.cluster('empty'), refused);
ports.case('the second on its node port', 'outside', many.nodePort('node-b', 'admin'), seenAs('node-b', 'a2', 'b2'));
ports.case('the second on its external IP', 'outside', many.external('admin'), seenAs('node-a', 'a2', 'b2'));
ports.case('the second on its load balancer', 'outside', many.loadBalancer('admin'), seenAs('node-a', 'a2', 'b2'));
ports.case('the third on its node port', 'outside', many.nodePort('node-a', 'empty'), refused);

const same = ports.service('same', { ports: [{ port: 8080 }], endpoints: ['b1'] });
ports.case('the same number inside and out', 'a1', same.cluster(), own('b1'));

const tcpOnly = ports.service('tcp-only', { ports: [{ name: 'tcp', port: 80 }], endpoints: ['b1'] });
ports.case('TCP only: no datagrams', 'a1', { ...tcpOnly.cluster(), protocol: 'udp' }, passedOn, {
  onlyOnPaper: 'a datagram that nobody answers and one that somebody else gets look the same',
  inMode: {
    nftables: {
      expect: refused,
      why: 'as kube-proxy there: cluster IPs are in a set, so their other ports can be refused',
    },
  },
});
