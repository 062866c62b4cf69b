import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkObject, definitionForKind, definitions, fieldOf, pruneUnknown } from './table.ts';

test('kinds are found by group, version and kind', () => {
  assert.equal(definitionForKind('', 'v1', 'Pod'), 'Pod');
  assert.equal(definitionForKind('apps', 'v1', 'Deployment'), 'Deployment');
  assert.equal(definitionForKind('discovery.k8s.io', 'v1', 'EndpointSlice'), 'EndpointSlice');
  assert.equal(definitionForKind('autoscaling', 'v1', 'Scale'), 'Scale');
  assert.equal(definitionForKind('apps', 'v2', 'Deployment'), undefined);
  assert.notEqual(definitionForKind('', 'v1', 'Event'), definitionForKind('events.k8s.io', 'v1', 'Event'));
});

test('fields of the prototype are not fields', () => {
  assert.equal(fieldOf('Pod', 'constructor'), undefined);
  assert.equal(fieldOf('constructor', 'name'), undefined);
  assert.equal(definitions.get('toString'), undefined);
});

test('every field is of a scalar type or of a definition that is there', () => {
  const scalars = new Set([
    'string',
    'bytes',
    'time',
    'microTime',
    'quantity',
    'intOrString',
    'integer',
    'number',
    'boolean',
    'any',
  ]);
  for (const [name, { fields }] of definitions) {
    for (const [field, { type }] of Object.entries(fields)) {
      assert.ok(scalars.has(type) || definitions.has(type), `${name}.${field}: ${type}`);
    }
  }
});

const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'a', creationTimestamp: '2026-01-01T00:00:00Z', labels: { app: 'web' } },
  spec: {
    containers: [
      {
        name: 'c',
        image: 'i',
        ports: [{ containerPort: 80 }],
        resources: { limits: { cpu: 1, memory: '64Mi' } },
        livenessProbe: { httpGet: { port: 'http' }, periodSeconds: 3 },
      },
    ],
  },
};

test('an object as it should be has no findings', () => {
  assert.deepEqual(checkObject('Pod', pod), { unknown: [], wrong: [] });
  assert.deepEqual(checkObject('Pod', { metadata: { creationTimestamp: null, labels: null }, spec: null }), {
    unknown: [],
    wrong: [],
  });
});

test('unknown fields and wrong types are named by their path', () => {
  const findings = checkObject('Pod', {
    extra: 1,
    metadata: { name: 5, labels: { a: 1, b: 'x' }, creationTimestamp: 'yesterday', ownerReferences: {} },
    spec: {
      foo: { deep: 1 },
      hostNetwork: 'yes',
      nodeSelector: 'x',
      containers: [
        { name: 'c', bar: 1, ports: [{ containerPort: '80' }] },
        'd',
        { resources: { limits: { cpu: 'lots' } } },
      ],
      terminationGracePeriodSeconds: 1.5,
    },
  });
  assert.deepEqual(findings.unknown.toSorted(), ['extra', 'spec.containers[0].bar', 'spec.foo']);
  assert.deepEqual(findings.wrong.toSorted(), [
    'metadata.creationTimestamp: expected time',
    'metadata.labels.a: expected string',
    'metadata.name: expected string',
    'metadata.ownerReferences: expected list',
    'spec.containers[0].ports[0].containerPort: expected integer',
    'spec.containers[1]: expected object',
    'spec.containers[2].resources.limits.cpu: expected quantity',
    'spec.hostNetwork: expected boolean',
    'spec.nodeSelector: expected map',
    'spec.terminationGracePeriodSeconds: expected integer',
  ]);
});

test('bytes are base64, numbers or names go where both may stand', () => {
  assert.deepEqual(checkObject('Secret', { data: { a: 'aGFsbG8=', b: 'not base64!' } }).wrong, [
    'data.b: expected bytes',
  ]);
  const ports = [
    { port: 80, targetPort: 'http' },
    { port: 81, targetPort: 8080 },
    { port: 82, targetPort: 1.5 },
  ];
  assert.deepEqual(checkObject('Service', { spec: { ports } }).wrong, [
    'spec.ports[2].targetPort: expected intOrString',
  ]);
});

test('what is not an object, or not in the table', () => {
  assert.deepEqual(checkObject('Pod', []).wrong, ['expected object']);
  assert.throws(() => checkObject('Nonsense', {}), /not in the schema table/);
  assert.throws(() => pruneUnknown('Nonsense', {}), /not in the schema table/);
});

test('pruning takes out unknown fields and nulls, and leaves the argument alone', () => {
  const dirty = {
    ...pod,
    extra: 1,
    spec: { ...pod.spec, foo: 1, hostNetwork: null, containers: [{ name: 'c', bar: 1, env: null }] },
  };
  const before = structuredClone(dirty);
  assert.deepEqual(pruneUnknown<unknown>('Pod', dirty), { ...pod, spec: { containers: [{ name: 'c' }] } });
  assert.deepEqual(dirty, before);
  assert.deepEqual(pruneUnknown<unknown>('ConfigMap', { data: { a: null, b: 'x' } }), { data: { a: '', b: 'x' } });
});

test('a key such as __proto__ is pruned as a field and kept in a map', () => {
  const hostile = JSON.parse('{"__proto__":{"admin":true},"data":{"__proto__":"x"}}') as object;
  const pruned = pruneUnknown<object>('ConfigMap', hostile);
  assert.equal(JSON.stringify(pruned), '{"data":{"__proto__":"x"}}');
  assert.deepEqual(checkObject('ConfigMap', hostile).unknown, ['__proto__']);
});
