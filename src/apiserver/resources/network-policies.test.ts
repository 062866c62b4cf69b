import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NetworkPolicy, NetworkPolicySpec } from '../../api/types.gen.ts';
import { networkPolicyRow } from './network-policies.ts';
import { cells, create, update } from './testing.ts';

const policy = (spec?: NetworkPolicySpec): NetworkPolicy => ({
  metadata: { name: 'p', namespace: 'shop', creationTimestamp: '2026-03-01T11:00:00Z' },
  ...(spec === undefined ? {} : { spec }),
});

describe('a new NetworkPolicy', () => {
  const filled: readonly { what: string; spec: NetworkPolicySpec; types: string[] }[] = [
    { what: 'is for ingress', spec: { podSelector: {} }, types: ['Ingress'] },
    { what: 'is for egress too when it has rules for it', spec: { egress: [{}] }, types: ['Ingress', 'Egress'] },
    { what: 'is for ingress when its list of egress is empty', spec: { egress: [] }, types: ['Ingress'] },
    { what: 'is for what it says', spec: { policyTypes: ['Egress'], ingress: [{}] }, types: ['Egress'] },
  ];
  for (const { what, spec, types } of filled) {
    it(what, () => {
      const { object, errors } = create(networkPolicyRow, policy(spec));
      assert.deepEqual(errors, []);
      assert.deepEqual([object.spec?.policyTypes, object.spec?.podSelector], [types, {}]);
      assert.equal(object.metadata.generation, 1);
    });
  }

  it('has TCP ports when nobody says', () => {
    const { object } = create(networkPolicyRow, policy({ ingress: [{ ports: [{ port: 80 }, { protocol: 'SCTP' }] }] }));
    assert.deepEqual(object.spec?.ingress?.[0]?.ports, [{ port: 80, protocol: 'TCP' }, { protocol: 'SCTP' }]);
  });
});

const refused: readonly { what: string; spec: NetworkPolicySpec; says: readonly string[] }[] = [
  {
    what: 'a protocol that is none',
    spec: { ingress: [{ ports: [{ protocol: 'ICMP' }] }] },
    says: ['spec.ingress[0].ports[0].protocol: Unsupported value: "ICMP": supported values: "TCP", "UDP", "SCTP"'],
  },
  {
    what: 'a port out of range',
    spec: { egress: [{ ports: [{ port: 65536 }] }] },
    says: ['spec.egress[0].ports[0].port: Invalid value: 65536: must be between 1 and 65535, inclusive'],
  },
  {
    what: 'a range that ends before it begins',
    spec: { ingress: [{ ports: [{ port: 90, endPort: 80 }] }] },
    says: ['spec.ingress[0].ports[0].endPort: Invalid value: 80: must be greater than or equal to `port`'],
  },
  {
    what: 'a range from a name',
    spec: { ingress: [{ ports: [{ port: 'http', endPort: 80 }] }] },
    says: ['spec.ingress[0].ports[0].endPort: Invalid value: 80: may not be specified when `port` is non-numeric'],
  },
  {
    what: 'a range from nowhere',
    spec: { ingress: [{ ports: [{ endPort: 80 }] }] },
    says: ['spec.ingress[0].ports[0].endPort: Invalid value: 80: may not be specified when `port` is not specified'],
  },
  {
    what: 'a peer that is nobody',
    spec: { ingress: [{ from: [{}] }] },
    says: ['spec.ingress[0].from[0]: Required value: must specify a peer'],
  },
  {
    what: 'a peer that is pods and addresses',
    spec: { egress: [{ to: [{ podSelector: {}, ipBlock: { cidr: '10.0.0.0/8' } }] }] },
    says: ['spec.egress[0].to[0]: Forbidden: may not specify both ipBlock and another peer'],
  },
  {
    what: 'a block without a prefix',
    spec: { egress: [{ to: [{ ipBlock: { cidr: '' } }] }] },
    says: ['spec.egress[0].to[0].ipBlock.cidr: Required value'],
  },
  {
    what: 'an exception that is the whole block',
    spec: { egress: [{ to: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.0.0.0/8'] } }] }] },
    says: ['spec.egress[0].to[0].ipBlock.except[0]: Invalid value: "10.0.0.0/8": must be a strict subset of `cidr`'],
  },
  {
    what: 'an exception of the other family',
    spec: { egress: [{ to: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['fd00::/64'] } }] }] },
    says: ['spec.egress[0].to[0].ipBlock.except[0]: Invalid value: "fd00::/64": must be a strict subset of `cidr`'],
  },
  {
    what: 'a direction that is none',
    spec: { policyTypes: ['Sideways'] },
    says: ['spec.policyTypes: Unsupported value: "Sideways": supported values: "Egress", "Ingress"'],
  },
  {
    what: 'three directions',
    spec: { policyTypes: ['Ingress', 'Egress', 'Ingress'] },
    says: [
      'spec.policyTypes: Invalid value: ["Ingress","Egress","Ingress"]: may not specify more than two policyTypes',
    ],
  },
];

describe('a NetworkPolicy is refused', () => {
  for (const { what, spec, says } of refused) {
    it(`with ${what}`, () => {
      assert.deepEqual(create(networkPolicyRow, policy(spec)).errors, says);
    });
  }
});

it('a change of what it says is a new generation, one of its labels is not', () => {
  const { object } = create(networkPolicyRow, policy({ podSelector: {} }));
  const labelled = update(networkPolicyRow, object, (copy) => (copy.metadata.labels = { a: 'b' })).object;
  assert.equal(labelled.metadata.generation, 1);
  const changed = update(networkPolicyRow, labelled, (copy) => (copy.spec!.ingress = [{}]));
  assert.deepEqual([changed.errors, changed.object.metadata.generation], [[], 2]);
});

it('kubectl shows which pods it is for', () => {
  const shown = (spec: NetworkPolicySpec): unknown[] => Object.values(cells(networkPolicyRow, policy(spec)));
  assert.deepEqual(shown({ podSelector: {} }), ['p', '<none>', '60m']);
  assert.deepEqual(shown({ podSelector: { matchLabels: { app: 'web', a: 'b' } } }), ['p', 'a=b,app=web', '60m']);
});
