import assert from 'node:assert/strict';
import test from 'node:test';
import { endpointSlices, services } from '../../api/resources.ts';
import type { Endpoint, EndpointSlice } from '../../api/types.gen.ts';
import { lookupOf } from '../resources/testing.ts';
import { backendOf, type Backend } from './backend.ts';

const namespace = 'shop';

function slice(name: string, port: number, endpoints: readonly Endpoint[]): EndpointSlice {
  const labels = { 'kubernetes.io/service-name': 'web' };
  const ports = [{ name, port, protocol: 'TCP' }];
  return { metadata: { name, namespace, labels }, addressType: 'IPv4', endpoints: [...endpoints], ports };
}

const objects = [
  [
    services,
    {
      metadata: { name: 'web', namespace },
      spec: {
        ports: [
          { name: 'plain', port: 80, targetPort: 'any' },
          { name: 'safe', port: 443 },
        ],
      },
    },
  ],
  [
    endpointSlices,
    slice('plain', 8080, [
      { addresses: ['10.45.1.9'], conditions: { ready: false, serving: true, terminating: true } },
      { addresses: ['10.45.1.2'], conditions: { ready: true } },
    ]),
  ],
  [endpointSlices, slice('safe', 8443, [{ addresses: ['10.45.1.3'] }])],
] as const;

function backend(name: string): Backend {
  const machinery = { lookup: lookupOf(...objects), mayProxyTo: () => false };
  return backendOf(machinery, {
    group: '',
    version: 'v1',
    resource: 'services',
    subresource: 'proxy',
    namespace,
    name,
  });
}

const plain = { scheme: 'http', host: '10.45.1.2', port: 8080, kubelet: false };
const safe = { scheme: 'http', host: '10.45.1.3', port: 8443, kubelet: false };

const cases: readonly [string, object][] = [
  ['web:plain', plain],
  ['web:80', plain],
  ['http:web:80', plain],
  ['web:443', safe],
  ['https:web:safe', { ...safe, scheme: 'https' }],
];

for (const [name, expected] of cases) {
  test(`${name} is a ready endpoint of that port`, () => {
    for (let turn = 0; turn < 20; turn += 1) assert.deepEqual(backend(name), expected);
  });
}
