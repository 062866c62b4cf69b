/** The cases, feature by feature; each is asked in both families. */
import type { NetworkPolicyPort, NetworkPolicySpec } from '../../../src/api/types.gen.ts';
import { addressesOf, familyNames, serverPorts, type Party } from '../world.ts';
import { dropped, passes, type PolicyCase } from './policy-case.ts';
import { policy, webService } from './policy-world.ts';

const { tcp, otherTcp, udp } = serverPorts;
const only = (app: string): Pick<NetworkPolicySpec, 'podSelector'> => ({ podSelector: { matchLabels: { app } } });
const pods = (matchLabels: Record<string, string>) => ({ podSelector: { matchLabels } });
const team = (name: string) => ({ namespaceSelector: { matchLabels: { team: name } } });

/** The address of one, as a block of each family. */
const blocksOf = (party: Party) =>
  familyNames.map((family) => ({
    ipBlock: { cidr: `${addressesOf[party][family]}/${family === 'ipv4' ? 32 : 128}` },
  }));
/** Everybody on the switch but one. */
const switchBut = (party: Party) => [
  { ipBlock: { cidr: '192.168.77.0/24', except: [`${addressesOf[party].ipv4}/32`] } },
  { ipBlock: { cidr: 'fd00:99::/64', except: [`${addressesOf[party].ipv6}/128`] } },
];

const denyIngress = policy('deny-ingress', { policyTypes: ['Ingress'] });
const denyEgress = policy('deny-egress', { policyTypes: ['Egress'] });

/** Ingress to the web pod by one rule. */
const toWeb = (rule: { from?: object[]; ports?: NetworkPolicyPort[] }) =>
  policy('to-web', { ...only('web'), ingress: [rule] });

const isolation: readonly PolicyCase[] = [
  {
    name: 'without policies everybody speaks to everybody',
    policies: [],
    asks: [passes('a2', 'a1'), passes('b1', 'a1'), passes('a1', 'outside'), passes('node-b', 'a1')],
  },
  {
    name: 'isolated for ingress: nobody gets in, all get out, and answers come back',
    policies: [denyIngress],
    asks: [
      dropped('a2', 'a1'),
      dropped('b1', 'a1'),
      dropped('b1', 'a1', { protocol: 'udp' }),
      dropped('a1', 'b2'),
      passes('a1', 'b1'),
      passes('a1', 'b1', { protocol: 'udp' }),
      passes('a1', 'outside'),
    ],
  },
  {
    name: 'isolated for egress: nobody gets out, all get in, and answers come back',
    policies: [denyEgress],
    asks: [
      dropped('a1', 'b1'),
      dropped('a1', 'a2'),
      dropped('a1', 'outside'),
      dropped('a1', 'outside', { protocol: 'udp' }),
      passes('b1', 'a1'),
      passes('b1', 'a2', { protocol: 'udp' }),
    ],
  },
  {
    name: 'a node reaches its own pods, and they it, whatever policies say; another node is nobody special',
    policies: [denyIngress, denyEgress],
    asks: [
      passes('node-a', 'a1'),
      passes('node-b', 'b2', { protocol: 'udp' }),
      passes('a1', 'node-a'),
      dropped('node-b', 'a1'),
      dropped('a1', 'node-b'),
    ],
  },
  {
    name: 'a pod reaches itself by its Service',
    policies: [denyIngress, denyEgress],
    asks: [
      passes('a1', 'a1', { way: 'cluster IP', seenAs: 'node-a' }),
      dropped('a2', 'a1', { way: 'cluster IP', relayed: 'passes' }),
    ],
  },
  {
    name: 'a policy of one namespace is nothing to the pods of another',
    policies: [denyIngress],
    asks: [passes('a1', 'b1'), passes('b2', 'b1')],
  },
];

const peers: readonly PolicyCase[] = [
  {
    name: 'from pods of the own namespace',
    policies: [toWeb({ from: [pods({ app: 'client' })] })],
    asks: [passes('a2', 'a1'), dropped('b1', 'a1'), dropped('b2', 'a1'), passes('b1', 'a2')],
  },
  {
    name: 'from a namespace',
    policies: [toWeb({ from: [team('field')] })],
    asks: [passes('b1', 'a1'), dropped('a2', 'a1'), dropped('b2', 'a1')],
  },
  {
    name: 'from pods of a namespace: both must hold',
    policies: [toWeb({ from: [{ ...team('sales'), ...pods({ app: 'client' }) }] })],
    asks: [passes('a2', 'a1'), dropped('b1', 'a1'), dropped('b2', 'a1')],
  },
  {
    name: 'from a namespace, or from pods: one of them is enough',
    policies: [toWeb({ from: [team('field'), pods({ app: 'db' })] })],
    asks: [passes('b1', 'a1'), passes('b2', 'a1'), dropped('a2', 'a1')],
  },
  {
    name: 'from pods by expressions',
    policies: [
      toWeb({
        from: [
          {
            podSelector: {
              matchExpressions: [
                { key: 'app', operator: 'NotIn', values: ['db'] },
                { key: 'tier', operator: 'Exists' },
              ],
            },
          },
        ],
      }),
    ],
    asks: [passes('a2', 'a1'), dropped('b2', 'a1')],
  },
  {
    name: 'from everybody',
    policies: [denyIngress, policy('open', { ...only('web'), ingress: [{}] })],
    asks: [passes('a2', 'a1'), passes('b1', 'a1'), passes('node-b', 'a1'), dropped('a1', 'a2')],
  },
  {
    name: 'to pods',
    policies: [policy('out', { ...only('client'), policyTypes: ['Egress'], egress: [{ to: [pods({ app: 'web' })] }] })],
    asks: [passes('a2', 'a1'), dropped('a2', 'b2'), dropped('a2', 'outside'), passes('b2', 'b1')],
  },
  {
    name: 'to a Service: what counts is the pod that answers, not the cluster IP',
    policies: [policy('out', { ...only('client'), policyTypes: ['Egress'], egress: [{ to: [pods({ app: 'web' })] }] })],
    asks: [passes('a2', 'a1', { way: 'cluster IP' })],
  },
  {
    name: 'to the address of a Service: nobody is behind that address',
    policies: [
      policy('out', {
        ...only('client'),
        policyTypes: ['Egress'],
        egress: [
          {
            to: [
              { ipBlock: { cidr: `${webService.clusterIP.ipv4}/32` } },
              { ipBlock: { cidr: `${webService.clusterIP.ipv6}/128` } },
            ],
          },
        ],
      }),
    ],
    asks: [dropped('a2', 'a1', { way: 'cluster IP', relayed: 'passes' }), dropped('a2', 'a1')],
  },
  {
    name: 'both ends have their say',
    policies: [
      policy('out', { ...only('client'), policyTypes: ['Egress'], egress: [{ to: [pods({ app: 'web' })] }] }),
      policy('in', { ...only('web'), ingress: [{ from: [team('field')] }] }),
    ],
    asks: [dropped('a2', 'a1'), passes('b1', 'a1')],
  },
];

const blocks: readonly PolicyCase[] = [
  {
    name: 'to a block but one of it',
    policies: [policy('out', { policyTypes: ['Egress'], egress: [{ to: switchBut('stranger') }] })],
    asks: [passes('a1', 'outside'), dropped('a1', 'stranger'), passes('b2', 'outside'), dropped('a1', 'b1')],
  },
  {
    name: 'to everywhere: pods have addresses, too',
    policies: [
      policy('out', {
        policyTypes: ['Egress'],
        egress: [{ to: [{ ipBlock: { cidr: '0.0.0.0/0' } }, { ipBlock: { cidr: '::/0' } }] }],
      }),
    ],
    asks: [passes('a1', 'outside'), passes('a1', 'b1'), passes('a1', 'a2')],
  },
  {
    name: 'from one address',
    policies: [toWeb({ from: blocksOf('b1') })],
    asks: [passes('b1', 'a1'), dropped('a2', 'a1'), dropped('b2', 'a1')],
  },
  {
    name: "by the pod's own node a client outside is seen as itself",
    policies: [toWeb({ from: blocksOf('outside') })],
    asks: [passes('outside', 'a1', { way: 'node port of node-a' })],
  },
  {
    name: 'by another node a client outside is seen as that node, whose address the packet was given',
    policies: [toWeb({ from: blocksOf('outside') })],
    asks: [dropped('outside', 'a1', { way: 'node port of node-b', seenAs: 'node-b' })],
  },
  {
    name: 'who lets in what comes by other nodes names the nodes',
    policies: [toWeb({ from: blocksOf('node-b') })],
    asks: [
      passes('outside', 'a1', { way: 'node port of node-b', seenAs: 'node-b' }),
      dropped('outside', 'a1', { way: 'node port of node-a', relayed: 'passes' }),
      passes('node-b', 'a1'),
    ],
  },
];

const ports: readonly PolicyCase[] = [
  {
    name: 'a port',
    policies: [toWeb({ ports: [{ port: tcp }] })],
    asks: [passes('a2', 'a1'), dropped('a2', 'a1', { port: otherTcp }), dropped('a2', 'a1', { protocol: 'udp' })],
  },
  {
    name: 'a range of ports',
    policies: [toWeb({ ports: [{ port: tcp, endPort: otherTcp }] })],
    asks: [passes('a2', 'a1'), passes('b1', 'a1', { port: otherTcp }), dropped('b1', 'a1', { protocol: 'udp' })],
  },
  {
    name: 'a range that ends before the port',
    policies: [toWeb({ ports: [{ port: 1, endPort: tcp - 1 }] })],
    asks: [dropped('a2', 'a1'), dropped('a2', 'a1', { port: otherTcp })],
  },
  {
    name: 'every port of a protocol',
    policies: [toWeb({ ports: [{ protocol: 'UDP' }] })],
    asks: [passes('a2', 'a1', { protocol: 'udp' }), dropped('a2', 'a1')],
  },
  {
    name: 'SCTP',
    policies: [toWeb({ ports: [{ protocol: 'SCTP', port: serverPorts.sctp }] })],
    asks: [
      passes('a2', 'a1', { protocol: 'sctp' }),
      dropped('a2', 'a1', { protocol: 'sctp', port: 1 }),
      dropped('a2', 'a1'),
    ],
  },
  {
    name: 'a name, which each pod numbers by itself',
    policies: [policy('http', { ingress: [{ ports: [{ port: 'http' }] }] })],
    asks: [
      passes('a2', 'a1', { port: tcp }),
      dropped('a2', 'a1', { port: otherTcp }),
      passes('a2', 'b2', { port: otherTcp }),
      dropped('a2', 'b2', { port: tcp }),
    ],
  },
  {
    name: 'a name for egress, which each pod at the other end numbers by itself',
    policies: [
      policy('out', {
        ...only('client'),
        policyTypes: ['Egress'],
        egress: [{ to: [{ podSelector: {} }], ports: [{ port: 'http' }] }],
      }),
    ],
    asks: [
      passes('a2', 'a1', { port: tcp }),
      dropped('a2', 'a1', { port: otherTcp }),
      passes('a2', 'b2', { port: otherTcp }),
      dropped('a2', 'b2', { port: tcp }),
      dropped('a2', 'b1', { port: tcp }),
    ],
  },
  {
    name: 'a name of another protocol is another name',
    policies: [
      toWeb({
        ports: [
          { port: 'dns', protocol: 'UDP' },
          { port: 'dns', protocol: 'TCP' },
        ],
      }),
    ],
    asks: [passes('a2', 'a1', { protocol: 'udp', port: udp }), dropped('a2', 'a1')],
  },
  {
    name: 'a name that the pod has not',
    policies: [toWeb({ ports: [{ port: 'nowhere' }] })],
    asks: [dropped('a2', 'a1')],
  },
  {
    name: 'ports from some: both must hold',
    policies: [toWeb({ from: [pods({ app: 'client' })], ports: [{ port: tcp }] })],
    asks: [passes('a2', 'a1'), dropped('a2', 'a1', { port: otherTcp }), dropped('b2', 'a1')],
  },
];

const several: readonly PolicyCase[] = [
  {
    name: 'policies add up',
    policies: [
      denyIngress,
      policy('clients', { ...only('web'), ingress: [{ from: [pods({ app: 'client' })] }] }),
      policy('db', { ...only('web'), ingress: [{ from: [pods({ app: 'db' })], ports: [{ port: otherTcp }] }] }),
    ],
    asks: [
      passes('a2', 'a1'),
      passes('b2', 'a1', { port: otherTcp }),
      dropped('b2', 'a1'),
      dropped('b1', 'a1'),
      dropped('a1', 'a2'),
    ],
  },
  {
    name: 'a rule of a direction that the policy is not for is nothing',
    policies: [
      policy('out', { ...only('web'), policyTypes: ['Egress'], ingress: [{ from: [team('nobody')] }], egress: [{}] }),
    ],
    asks: [passes('a2', 'a1'), passes('a1', 'b1')],
  },
  {
    name: 'a policy without directions is for ingress, and for egress when it has rules for it',
    policies: [policy('in', only('web')), policy('out', { ...only('db'), egress: [{ to: [pods({ app: 'web' })] }] })],
    asks: [dropped('a2', 'a1'), passes('a1', 'b1'), dropped('b2', 'b1'), dropped('a2', 'b2')],
  },
];

export const policyCases: readonly PolicyCase[] = [
  ...isolation.map((one) => ({ ...one, name: `isolation: ${one.name}` })),
  ...peers.map((one) => ({ ...one, name: `peers: ${one.name}` })),
  ...blocks.map((one) => ({ ...one, name: `blocks: ${one.name}` })),
  ...ports.map((one) => ({ ...one, name: `ports: ${one.name}` })),
  ...several.map((one) => ({ ...one, name: `several: ${one.name}` })),
];
