import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CertificateSigningRequest, CertificateSigningRequestSpec, Node } from '../../api/types.gen.ts';
import type { CertificateWish } from '../../pki/index.ts';
import { judge, kubeletClient, kubeletServing } from './judge-request.ts';

const apiServer = '10.0.0.1';
const isApiServer = (name: string): boolean => name === apiServer || name === 'kubernetes';

function node(
  name: string,
  addresses: readonly string[],
  more: { ready?: string; labels?: Record<string, string> } = {},
): Node {
  const { ready = 'True', labels = {} } = more;
  return {
    metadata: { name, labels },
    status: {
      addresses: [
        { type: 'Hostname', address: 'kubernetes' },
        ...addresses.map((address) => ({ type: 'InternalIP', address })),
      ],
      conditions: [{ type: 'Ready', status: ready }],
    },
  };
}

const nodes = [
  node('n1', ['10.0.0.11', 'fd00::b']),
  node('n2', ['10.0.0.12']),
  node('rogue', [apiServer, '10.0.0.12']),
  node('both', [apiServer], { labels: { 'node-role.kubernetes.io/control-plane': '' } }),
  node('lost', ['10.0.0.19'], { ready: 'Unknown' }),
];

const wish = (name: string, more: Partial<CertificateWish> = {}): CertificateWish => ({
  commonName: `system:node:${name}`,
  organizations: ['system:nodes'],
  dnsNames: [],
  ipAddresses: [],
  others: [],
  publicKey: new Uint8Array(),
  ...more,
});

const bootstrapper = { username: 'system:bootstrap:abcdef', groups: ['system:bootstrappers'] };
const self = (name: string) => ({ username: `system:node:${name}`, groups: ['system:nodes', 'system:authenticated'] });

function verdict(spec: Partial<CertificateSigningRequestSpec>, asked: CertificateWish): string | undefined {
  const usages = ['digital signature', spec.signerName === kubeletServing ? 'server auth' : 'client auth'];
  const request: CertificateSigningRequest = {
    metadata: { name: 'r' },
    spec: { request: '', signerName: kubeletClient, usages, ...spec },
  };
  const found = judge(request, asked, { nodes, isApiServer });
  return found?.kind === 'ask' ? found.right : found?.kind;
}

describe('a client certificate', () => {
  const cases: readonly [string, Partial<CertificateSigningRequestSpec>, CertificateWish, string | undefined][] = [
    ['of a machine that joins', bootstrapper, wish('new'), 'nodeclient'],
    ['of a machine made anew under the name of a lost one', bootstrapper, wish('lost'), 'nodeclient'],
    ['for the name of a node that lives', bootstrapper, wish('n1'), 'deny'],
    ['renewed by the node itself', self('n1'), wish('n1'), 'selfnodeclient'],
    ['for another node that lives, by a node', self('n2'), wish('n1'), 'deny'],
    ['for a group beside', bootstrapper, wish('new', { organizations: ['system:nodes', 'system:masters'] }), undefined],
    ['for no node', bootstrapper, { ...wish('x'), commonName: 'admin' }, undefined],
    ['with addresses', bootstrapper, wish('new', { ipAddresses: ['10.0.0.20'] }), undefined],
    ['with a second name', bootstrapper, wish('new', { others: ['CN=system:kube-scheduler'] }), undefined],
    ['to serve by', { ...bootstrapper, usages: ['client auth', 'server auth'] }, wish('new'), undefined],
    [
      'of another signer',
      { ...bootstrapper, signerName: 'kubernetes.io/kube-apiserver-client' },
      wish('new'),
      undefined,
    ],
  ];
  for (const [what, spec, asked, expected] of cases) {
    it(`${what}: ${expected ?? 'a person decides'}`, () => assert.equal(verdict(spec, asked), expected));
  }
});

describe('a serving certificate', () => {
  const of = (name: string, ...ipAddresses: string[]) => wish(name, { dnsNames: [name], ipAddresses });
  const cases: readonly [string, string, CertificateWish, string | undefined][] = [
    ['for its own addresses', 'n1', of('n1', '10.0.0.11', 'fd00:0:0:0:0:0:0:b'), 'approve'],
    ['before there is a Node', 'new', of('new', '10.0.0.20'), 'wait'],
    ['for an address that it has not', 'n1', of('n1', '10.0.0.99'), 'wait'],
    ['for an address that another node has too', 'rogue', of('rogue', '10.0.0.12'), 'wait'],
    ['for the API server’s address', 'rogue', of('rogue', apiServer), 'deny'],
    ['for the API server’s name, which it calls its host name', 'n1', wish('n1', { dnsNames: ['kubernetes'] }), 'deny'],
    ['for another name', 'n1', wish('n1', { dnsNames: ['n2'] }), 'deny'],
    ['of another node', 'n2', of('n1', '10.0.0.11'), undefined],
    ['for nothing', 'n1', wish('n1'), undefined],
  ];
  for (const [what, by, asked, expected] of cases) {
    it(`${what}: ${expected ?? 'a person decides'}`, () =>
      assert.equal(verdict({ ...self(by), signerName: kubeletServing }, asked), expected));
  }

  it('for the API server’s address, where both are one machine that alone has it: approve', () => {
    const request = {
      metadata: {},
      spec: { request: '', signerName: kubeletServing, usages: ['server auth'], ...self('both') },
    };
    const alone = nodes.filter(({ metadata }) => metadata.name !== 'rogue');
    assert.equal(judge(request, of('both', apiServer), { nodes: alone, isApiServer })?.kind, 'approve');
  });
});
