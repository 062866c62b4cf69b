import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../errors.ts';
import { applyStrategicPatch } from './strategic.ts';

const onPod = (spec: object, patch: object): unknown => applyStrategicPatch<unknown>({ spec }, { spec: patch }, 'Pod');

/** The upstream program's answers to the same pairs were the source of the expectations here. */
test('kubectl set image: containers merge by name', () => {
  const deployment = {
    spec: {
      replicas: 4,
      template: {
        spec: {
          containers: [
            { name: 'web', image: 'web:1', args: ['-p', '80'] },
            { name: 'side', image: 'side:1' },
          ],
        },
      },
    },
  };
  const patch = {
    spec: {
      template: {
        spec: {
          '$setElementOrder/containers': [{ name: 'web' }, { name: 'side' }],
          containers: [{ name: 'web', image: 'web:2' }],
        },
      },
    },
  };
  assert.deepEqual(applyStrategicPatch<unknown>(deployment, patch, 'Deployment'), {
    spec: {
      replicas: 4,
      template: {
        spec: {
          containers: [
            { name: 'web', image: 'web:2', args: ['-p', '80'] },
            { name: 'side', image: 'side:1' },
          ],
        },
      },
    },
  });
});

test('kubectl apply: fields go, elements come and go, the live ones stay, in the order that was asked for', () => {
  const live = {
    metadata: { name: 'x', labels: { a: '1', c: 'z' }, annotations: { q: '2' }, finalizers: ['f2'] },
    spec: {
      containers: [
        { name: 'c', image: 'i2', args: ['p'] },
        {
          name: 'a',
          image: 'i2',
          env: [
            { name: 'X', value: '2' },
            { name: 'Z', value: '0' },
          ],
        },
      ],
      volumes: [{ name: 'v1', emptyDir: { medium: 'Memory' } }],
      tolerations: [{ key: 'k0', operator: 'Exists' }],
      hostNetwork: true,
    },
  };
  const patch = {
    metadata: { '$setElementOrder/finalizers': ['f3'], finalizers: ['f3'], labels: null },
    spec: {
      '$setElementOrder/containers': [{ name: 'a' }, { name: 'b' }],
      '$setElementOrder/volumes': [{ name: 'v2' }, { name: 'v0' }],
      containers: [
        {
          '$setElementOrder/env': [{ name: 'X' }, { name: 'Y' }],
          env: [
            { name: 'X', value: '1' },
            { name: 'Y', value: null, valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
          ],
          image: 'i1',
          name: 'a',
          ports: null,
        },
        { image: 'i0', name: 'b', livenessProbe: null },
      ],
      tolerations: null,
      volumes: [
        { emptyDir: {}, name: 'v2' },
        { emptyDir: {}, name: 'v0' },
      ],
    },
  };
  assert.deepEqual(applyStrategicPatch<unknown>(live, patch, 'Pod'), {
    metadata: { name: 'x', annotations: { q: '2' }, finalizers: ['f3', 'f2'] },
    spec: {
      containers: [
        { name: 'c', image: 'i2', args: ['p'] },
        {
          name: 'a',
          image: 'i1',
          env: [
            { name: 'X', value: '1' },
            { name: 'Y', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
            { name: 'Z', value: '0' },
          ],
        },
        { name: 'b', image: 'i0' },
      ],
      volumes: [
        { name: 'v2', emptyDir: {} },
        { name: 'v0', emptyDir: {} },
        { name: 'v1', emptyDir: { medium: 'Memory' } },
      ],
      hostNetwork: true,
    },
  });
});

test('kubectl label and scale', () => {
  const object = { metadata: { labels: { a: '1', b: '2' } }, spec: { replicas: 1 } };
  assert.deepEqual(
    applyStrategicPatch<unknown>(
      object,
      { metadata: { labels: { a: null, c: '3' } }, spec: { replicas: 5 } },
      'Deployment',
    ),
    { metadata: { labels: { b: '2', c: '3' } }, spec: { replicas: 5 } },
  );
});

test('$patch: delete takes an element out; $patch: replace takes the rest of the list out', () => {
  const containers = [
    { name: 'a', image: '1' },
    { name: 'b', image: '1' },
  ];
  assert.deepEqual(onPod({ containers }, { containers: [{ name: 'a', $patch: 'delete' }] }), {
    spec: { containers: [{ name: 'b', image: '1' }] },
  });
  assert.deepEqual(onPod({ containers }, { containers: [{ name: 'c', image: '2' }, { $patch: 'replace' }] }), {
    spec: { containers: [{ name: 'c', image: '2' }] },
  });
  assert.deepEqual(onPod({ containers }, { containers: [{ name: 'a', image: '2', $patch: 'merge' }] }), {
    spec: {
      containers: [
        { name: 'a', image: '2' },
        { name: 'b', image: '1' },
      ],
    },
  });
  assert.deepEqual(onPod({}, { containers: [{ name: 'a', $patch: 'delete' }, { name: 'b' }] }), {
    spec: { containers: [{ name: 'b' }] },
  });
});

test('$patch in an object: replace keeps only what is given, delete empties it', () => {
  const object = { metadata: { labels: { a: '1', b: '2' } } };
  assert.deepEqual(
    applyStrategicPatch<unknown>(object, { metadata: { labels: { c: '3', $patch: 'replace' } } }, 'Pod'),
    {
      metadata: { labels: { c: '3' } },
    },
  );
  assert.deepEqual(applyStrategicPatch<unknown>(object, { metadata: { labels: { $patch: 'delete' } } }, 'Pod'), {
    metadata: { labels: {} },
  });
});

test('$retainKeys takes out what another choice of a union left behind', () => {
  const deployment = { spec: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } } };
  assert.deepEqual(
    applyStrategicPatch<unknown>(
      deployment,
      { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } },
      'Deployment',
    ),
    { spec: { strategy: { type: 'Recreate' } } },
  );
  const volumes = [{ name: 'v', emptyDir: {} }];
  const change = { $retainKeys: ['name', 'hostPath'], name: 'v', hostPath: { path: '/x' } };
  assert.deepEqual(onPod({ volumes }, { volumes: [change] }), {
    spec: { volumes: [{ name: 'v', hostPath: { path: '/x' } }] },
  });
  assert.deepEqual(onPod({}, { volumes: [change] }), { spec: { volumes: [{ name: 'v', hostPath: { path: '/x' } }] } });
});

test('$deleteFromPrimitiveList and lists of primitives that merge', () => {
  const object = { metadata: { finalizers: ['a', 'b'] } };
  assert.deepEqual(
    applyStrategicPatch<unknown>(
      object,
      { metadata: { '$deleteFromPrimitiveList/finalizers': ['a'], finalizers: ['c'] } },
      'Pod',
    ),
    { metadata: { finalizers: ['c', 'b'] } },
  );
  assert.deepEqual(applyStrategicPatch<unknown>(object, { metadata: { finalizers: ['b', 'c'] } }, 'Pod'), {
    metadata: { finalizers: ['a', 'b', 'c'] },
  });
  assert.deepEqual(
    applyStrategicPatch<unknown>({}, { metadata: { '$deleteFromPrimitiveList/finalizers': ['a'] } }, 'Pod'),
    {
      metadata: {},
    },
  );
});

test('$setElementOrder alone sorts; what only the server has stays among its neighbours', () => {
  const containers = ['a', 'x', 'b', 'c', 'y'].map((name) => ({ name }));
  const order = ['c', 'a', 'b'].map((name) => ({ name }));
  const sorted = ['x', 'c', 'a', 'b', 'y'].map((name) => ({ name }));
  assert.deepEqual(onPod({ containers }, { '$setElementOrder/containers': order }), { spec: { containers: sorted } });
});

test('lists without a merge strategy are replaced, and so are values of another type', () => {
  assert.deepEqual(
    onPod({ containers: [{ name: 'a', args: ['x', 'y'] }] }, { containers: [{ name: 'a', args: ['z'] }] }),
    {
      spec: { containers: [{ name: 'a', args: ['z'] }] },
    },
  );
  assert.deepEqual(
    applyStrategicPatch<unknown>(
      { spec: { ports: [{ port: 80, targetPort: 'http' }] } },
      { spec: { ports: [{ port: 80, targetPort: 8080 }] } },
      'Service',
    ),
    { spec: { ports: [{ port: 80, targetPort: 8080 }] } },
  );
});

test('status conditions merge by type, addresses by type, podIPs by ip', () => {
  const node = {
    status: {
      conditions: [
        { type: 'Ready', status: 'False', reason: 'x' },
        { type: 'Disk', status: 'True' },
      ],
    },
  };
  assert.deepEqual(
    applyStrategicPatch<unknown>(node, { status: { conditions: [{ type: 'Ready', status: 'True' }] } }, 'Node'),
    {
      status: {
        conditions: [
          { type: 'Ready', status: 'True', reason: 'x' },
          { type: 'Disk', status: 'True' },
        ],
      },
    },
  );
});

test('malformed patches are a 400', () => {
  const pod = { metadata: { finalizers: [] }, spec: { containers: [{ name: 'a' }], volumes: [] } };
  const patches: readonly unknown[] = [
    [],
    'x',
    { spec: { $patch: 'explode' } },
    { spec: { containers: [{ image: 'no name' }] } },
    { spec: { containers: ['a'] } },
    { spec: { containers: [{ $patch: 'delete' }] } },
    { spec: { '$setElementOrder/containers': [{ name: 'b' }], containers: [{ name: 'a' }] } },
    { spec: { '$setElementOrder/containers': 'a' } },
    { spec: { $retainKeys: ['volumes'], containers: [] } },
    { metadata: { '$deleteFromPrimitiveList/finalizers': 'a' } },
  ];
  for (const patch of patches) {
    const is400 = (error: unknown): boolean => error instanceof ApiError && error.code === 400;
    assert.throws(() => applyStrategicPatch<unknown>(pod, patch, 'Pod'), is400, JSON.stringify(patch));
  }
});

test('the arguments stay as they are; __proto__ is a key', () => {
  const object = { metadata: { labels: { a: '1' } }, spec: { containers: [{ name: 'a', image: '1' }] } };
  const before = structuredClone(object);
  const patch: unknown = JSON.parse(
    '{"metadata":{"labels":{"__proto__":{"admin":"1"}}},"spec":{"containers":[{"name":"a","image":"2"}]}}',
  );
  const result = applyStrategicPatch<{ metadata: { labels: Record<string, unknown> } }>(object, patch, 'Pod');
  assert.deepEqual(object, before);
  assert.equal(result.metadata.labels['admin'], undefined);
  assert.equal(({} as Record<string, unknown>)['admin'], undefined);
  assert.equal(JSON.stringify(result.metadata.labels), '{"a":"1","__proto__":{"admin":"1"}}');
});
