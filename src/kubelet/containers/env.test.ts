import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container, Pod } from '../../api/types.gen.ts';
import { environment, type References } from './env.ts';
import { expand } from './expand.ts';
import { resourceValue } from './field-ref.ts';
import { serviceVariables } from './service-env.ts';

const pod: Pod = {
  metadata: { name: 'web', namespace: 'default', uid: 'u1', labels: { app: 'x' } },
  spec: {
    containers: [{ name: 'main', resources: { limits: { cpu: '250m', memory: '64Mi' }, requests: { cpu: '100m' } } }],
    nodeName: 'node1',
  },
};

const references: References = {
  configMaps: new Map([
    ['settings', { metadata: {}, data: { color: 'blue', shape: 'round' } }],
    ['gone', null],
  ]),
  secrets: new Map([['hidden', { metadata: {}, data: { password: 'czNjcmV0' } }]]),
};

function resolve(container: Partial<Container>): Record<string, string> {
  const values = environment({
    pod,
    container: { name: 'main', ...container },
    addresses: { podIPs: ['10.1.0.2'], hostIPs: ['10.0.0.1'] },
    references,
    serviceVariables: { DB_SERVICE_HOST: '10.46.0.9' },
    allocatable: { cpu: '2' },
  });
  return Object.fromEntries(values);
}

const expansions: [string, string][] = [
  ['$(A) and $(B)', 'one and two'],
  ['$(NONE)', '$(NONE)'],
  ['$$(A)', '$(A)'],
  ['$$$(A)', '$one'],
  ['$A ${A} $', '$A ${A} $'],
  ['$(A', '$(A'],
];

for (const [text, expected] of expansions) {
  test(`expansion of ${text}`, () =>
    assert.equal(
      expand(text, (name) => ({ A: 'one', B: 'two' })[name]),
      expected,
    ));
}

test('variables: own ones win over envFrom, both over Services, and see those before them', () => {
  const values = resolve({
    envFrom: [{ configMapRef: { name: 'settings' } }, { secretRef: { name: 'hidden' }, prefix: 'P_' }],
    env: [
      { name: 'color', value: 'red' },
      { name: 'URL', value: 'http://$(DB_SERVICE_HOST)/$(color)/$(shape)/$(LATER)' },
      { name: 'LATER', value: 'x' },
      { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
      { name: 'APP', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
    ],
  });
  assert.deepEqual(values, {
    DB_SERVICE_HOST: '10.46.0.9',
    color: 'red',
    shape: 'round',
    P_password: 's3cret',
    URL: 'http://10.46.0.9/red/round/$(LATER)',
    LATER: 'x',
    IP: '10.1.0.2',
    APP: 'x',
  });
});

const missing: [string, Partial<Container>, RegExp][] = [
  ['a ConfigMap', { envFrom: [{ configMapRef: { name: 'gone' } }] }, /^configmap "gone" not found$/],
  [
    'a key',
    { env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'settings', key: 'size' } } }] },
    /^couldn't find key size in ConfigMap default\/settings$/,
  ],
  [
    'a Secret',
    { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'none', key: 'a' } } }] },
    /^secret "none" not found$/,
  ],
];

for (const [what, container, message] of missing) {
  test(`variables: ${what} is missing`, () =>
    assert.throws(() => resolve(container), { name: 'ContainerError', reason: 'CreateContainerConfigError', message }));
}

test('variables: what is optional may be missing', () => {
  const optional = { name: 'gone', key: 'a', optional: true };
  assert.deepEqual(resolve({ env: [{ name: 'A', valueFrom: { configMapKeyRef: optional } }] }), {
    DB_SERVICE_HOST: '10.46.0.9',
  });
});

const resources: [string, string | undefined, string | undefined][] = [
  ['limits.cpu', undefined, '1'],
  ['limits.cpu', '1m', '250'],
  ['limits.memory', '1Mi', '64'],
  ['requests.cpu', '1m', '100'],
  ['requests.memory', '1Mi', '64'],
  ['limits.ephemeral-storage', '1Gi', '5'],
  ['cpu', undefined, undefined],
];

for (const [resource, divisor, expected] of resources) {
  test(`resource ${resource} in ${divisor ?? 'units'}`, () => {
    const selector = { resource, ...(divisor === undefined ? {} : { divisor }) };
    assert.equal(resourceValue(pod, 'main', selector, { 'ephemeral-storage': '5Gi' }), expected);
  });
}

test('variables of Services: own namespace, and kubernetes always', () => {
  const service = (
    namespace: string,
    name: string,
    clusterIP: string,
  ): Parameters<typeof serviceVariables>[0][number] => ({
    metadata: { namespace, name },
    spec: { clusterIP, ports: [{ port: 80, name: 'web-ui', protocol: 'TCP' }] },
  });
  const all = [
    service('default', 'kubernetes', '10.46.0.1'),
    service('shop', 'my-db', '10.46.0.2'),
    service('other', 'x', '10.46.0.3'),
    service('shop', 'headless', 'None'),
  ];
  assert.deepEqual(serviceVariables(all, 'shop', true), {
    MY_DB_SERVICE_HOST: '10.46.0.2',
    MY_DB_SERVICE_PORT: '80',
    MY_DB_PORT: 'tcp://10.46.0.2:80',
    MY_DB_SERVICE_PORT_WEB_UI: '80',
    MY_DB_PORT_80_TCP: 'tcp://10.46.0.2:80',
    MY_DB_PORT_80_TCP_PROTO: 'tcp',
    MY_DB_PORT_80_TCP_PORT: '80',
    MY_DB_PORT_80_TCP_ADDR: '10.46.0.2',
    KUBERNETES_SERVICE_HOST: '10.46.0.1',
    KUBERNETES_SERVICE_PORT: '80',
    KUBERNETES_PORT: 'tcp://10.46.0.1:80',
    KUBERNETES_SERVICE_PORT_WEB_UI: '80',
    KUBERNETES_PORT_80_TCP: 'tcp://10.46.0.1:80',
    KUBERNETES_PORT_80_TCP_PROTO: 'tcp',
    KUBERNETES_PORT_80_TCP_PORT: '80',
    KUBERNETES_PORT_80_TCP_ADDR: '10.46.0.1',
  });
  assert.deepEqual(
    Object.keys(serviceVariables(all, 'shop', false)).filter((name) => name.startsWith('MY_DB')),
    [],
  );
});
