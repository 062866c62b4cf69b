import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod, PodSpec } from '../../api/types.gen.ts';
import { podRow } from './pods.ts';
import { create, update } from './testing.ts';

const container = { name: 'web', image: 'nginx:1.27' };

function pod(spec: Partial<PodSpec> = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'shop' },
    spec: { containers: [{ ...container }], ...spec },
  };
}

describe('a new pod gets what the API fills in', () => {
  it('a pod that says nothing', () => {
    const { object, errors } = create(podRow, pod());
    assert.deepEqual(errors, []);
    assert.deepEqual(object.spec, {
      containers: [
        {
          name: 'web',
          image: 'nginx:1.27',
          imagePullPolicy: 'IfNotPresent',
          resources: {},
          terminationMessagePath: '/dev/termination-log',
          terminationMessagePolicy: 'File',
        },
      ],
      dnsPolicy: 'ClusterFirst',
      enableServiceLinks: true,
      restartPolicy: 'Always',
      schedulerName: 'default-scheduler',
      securityContext: {},
      terminationGracePeriodSeconds: 30,
    });
    assert.deepEqual(object.status, { phase: 'Pending', qosClass: 'BestEffort' });
    assert.equal(object.metadata.generation, 1);
  });

  const policies: readonly [image: string, policy: string][] = [
    ['nginx', 'Always'],
    ['nginx:latest', 'Always'],
    ['nginx:1', 'IfNotPresent'],
    ['registry:5000/nginx', 'Always'],
    ['registry:5000/nginx:1', 'IfNotPresent'],
    [`nginx@sha256:${'a'.repeat(64)}`, 'IfNotPresent'],
  ];
  for (const [image, policy] of policies) {
    it(`the image ${image} is pulled ${policy}`, () => {
      const { object } = create(podRow, pod({ containers: [{ name: 'web', image }] }));
      assert.equal(object.spec?.containers[0]?.imagePullPolicy, policy);
    });
  }

  it('probes, ports, hooks and fields of the downward API', () => {
    const { object, errors } = create(
      podRow,
      pod({
        containers: [
          {
            ...container,
            ports: [{ containerPort: 80 }],
            env: [{ name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }],
            readinessProbe: { httpGet: { port: 80 } },
            livenessProbe: { tcpSocket: { port: 80 }, periodSeconds: 3 },
            lifecycle: { preStop: { httpGet: { port: 80, path: '/bye' } } },
          },
        ],
      }),
    );
    assert.deepEqual(errors, []);
    const [web] = object.spec?.containers ?? [];
    const times = { timeoutSeconds: 1, successThreshold: 1, failureThreshold: 3 };
    assert.deepEqual(web?.ports, [{ containerPort: 80, protocol: 'TCP' }]);
    assert.equal(web.env?.[0]?.valueFrom?.fieldRef?.apiVersion, 'v1');
    assert.deepEqual(web.readinessProbe, {
      httpGet: { port: 80, path: '/', scheme: 'HTTP' },
      ...times,
      periodSeconds: 10,
    });
    assert.deepEqual(web.livenessProbe, { tcpSocket: { port: 80 }, ...times, periodSeconds: 3 });
    assert.deepEqual(web.lifecycle?.preStop?.httpGet, { port: 80, path: '/bye', scheme: 'HTTP' });
  });

  it('volumes: a mode of 0644, an emptyDir for one without a source, an hour for tokens', () => {
    const { object } = create(
      podRow,
      pod({
        volumes: [
          { name: 'scratch' },
          { name: 'secret', secret: { secretName: 's' } },
          { name: 'host', hostPath: { path: '/var' } },
          { name: 'token', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } },
        ],
      }),
    );
    assert.deepEqual(object.spec?.volumes, [
      { name: 'scratch', emptyDir: {} },
      { name: 'secret', secret: { secretName: 's', defaultMode: 420 } },
      { name: 'host', hostPath: { path: '/var', type: '' } },
      {
        name: 'token',
        projected: { defaultMode: 420, sources: [{ serviceAccountToken: { path: 'token', expirationSeconds: 3600 } }] },
      },
    ]);
  });

  it('requests follow limits, quantities take their canonical form, ports of the host network are the host’s', () => {
    const { object } = create(
      podRow,
      pod({
        hostNetwork: true,
        containers: [
          {
            ...container,
            ports: [{ containerPort: 80 }],
            resources: { limits: { cpu: '0.5', memory: '1024Mi' }, requests: { cpu: '0.1' } },
          },
        ],
      }),
    );
    const [web] = object.spec?.containers ?? [];
    assert.deepEqual(web?.resources, {
      limits: { cpu: '500m', memory: '1Gi' },
      requests: { cpu: '100m', memory: '1Gi' },
    });
    assert.equal(web.ports?.[0]?.hostPort, 80);
  });

  it('a status sent along is thrown away', () => {
    const { object } = create(podRow, { ...pod(), status: { phase: 'Running', podIP: '10.0.0.1' } });
    assert.deepEqual(object.status, { phase: 'Pending', qosClass: 'BestEffort' });
  });
});

describe('the QoS class follows from requests and limits', () => {
  const both = { cpu: '1', memory: '1Gi' };
  const cases: readonly { what: string; resources: PodSpec['containers'][number]['resources']; qos: string }[] = [
    { what: 'none at all', resources: {}, qos: 'BestEffort' },
    { what: 'limits for both', resources: { limits: both }, qos: 'Guaranteed' },
    {
      what: 'equal requests, written otherwise',
      resources: { limits: both, requests: { cpu: '1000m', memory: '1024Mi' } },
      qos: 'Guaranteed',
    },
    { what: 'less requested than allowed', resources: { limits: both, requests: { cpu: '500m' } }, qos: 'Burstable' },
    { what: 'only a request', resources: { requests: { cpu: '500m' } }, qos: 'Burstable' },
    { what: 'a limit for one of the two', resources: { limits: { cpu: '1' } }, qos: 'Burstable' },
    { what: 'only other resources', resources: { requests: { 'ephemeral-storage': '1Gi' } }, qos: 'BestEffort' },
  ];
  for (const { what, resources, qos } of cases) {
    it(`${what}: ${qos}`, () => {
      const { object } = create(podRow, pod({ containers: [{ ...container, resources: resources ?? {} }] }));
      assert.equal(object.status?.qosClass, qos);
    });
  }

  it('one container without limits spoils the guarantee of all', () => {
    const containers = [
      { ...container, resources: { limits: both } },
      { ...container, name: 'side' },
    ];
    assert.equal(create(podRow, pod({ containers })).object.status?.qosClass, 'Burstable');
  });
});

describe('of a pod that is there, little may change', () => {
  const old = create(podRow, pod({ tolerations: [{ key: 'a', operator: 'Exists' }] })).object;

  it('the image, and the generation counts it', () => {
    const { object, errors } = update(podRow, old, (copy) => {
      Object.assign(copy.spec?.containers[0] ?? {}, { image: 'nginx:1.28' });
    });
    assert.deepEqual(errors, []);
    assert.equal(object.metadata.generation, 2);
  });

  it('labels, without counting', () => {
    const { object, errors } = update(podRow, old, (copy) => {
      copy.metadata.labels = { a: 'b' };
    });
    assert.deepEqual(errors, []);
    assert.equal(object.metadata.generation, 1);
  });

  it('further tolerations', () => {
    const { errors } = update(podRow, old, (copy) => {
      copy.spec?.tolerations?.push({ key: 'b', operator: 'Exists' });
    });
    assert.deepEqual(errors, []);
  });

  const forbidden: readonly { what: string; change: (spec: PodSpec) => void; says: RegExp }[] = [
    {
      what: 'a command',
      change: (spec) => Object.assign(spec.containers[0] ?? {}, { command: ['sh'] }),
      says: /^spec: Forbidden: pod updates may not change fields other than `spec\.containers\[\*\]\.image`,`spec\.initContainers/,
    },
    { what: 'the node', change: (spec) => (spec.nodeName = 'node1'), says: /nodeName: undefined → "node1"/ },
    {
      what: 'another container',
      change: (spec) => spec.containers.push({ name: 'b', image: 'x:1' }),
      says: /^spec\.containers: Forbidden: pod updates may not add or remove containers$/,
    },
    {
      what: 'one toleration less',
      change: (spec) => (spec.tolerations = []),
      says: /^spec\.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds$/,
    },
  ];
  for (const { what, change, says } of forbidden) {
    it(`not ${what}`, () => {
      const { errors } = update(podRow, old, (copy) => change(copy.spec ?? { containers: [] }));
      assert.equal(errors.length, 1);
      assert.match(errors[0] ?? '', says);
    });
  }

  it('a write of the pod leaves its status, a write of the status leaves its spec', () => {
    const main = update(podRow, old, (copy) => (copy.status = { phase: 'Running' }));
    assert.deepEqual(main.object.status, { phase: 'Pending', qosClass: 'BestEffort' });
    const status = update(
      podRow,
      old,
      (copy) => {
        copy.status = { phase: 'Running', podIP: '10.45.0.2' };
        copy.spec = { containers: [] };
      },
      'status',
    );
    assert.deepEqual(status.errors, []);
    assert.deepEqual(status.object.spec, old.spec);
    assert.deepEqual(status.object.status, {
      phase: 'Running',
      podIP: '10.45.0.2',
      podIPs: [{ ip: '10.45.0.2' }],
      qosClass: 'BestEffort',
    });
  });

  it('an address alone takes the place of the first of many', () => {
    const before = structuredClone(old);
    before.status = { ...before.status, podIP: '10.45.0.2', podIPs: [{ ip: '10.45.0.2' }] };
    const { object, errors } = update(
      podRow,
      before,
      (copy) => Object.assign(copy.status ?? {}, { podIP: '10.45.0.3' }),
      'status',
    );
    assert.deepEqual([errors, object.status?.podIPs], [[], [{ ip: '10.45.0.3' }]]);
  });

  it('an address that is none is no status', () => {
    const { errors } = update(podRow, old, (copy) => (copy.status = { podIPs: [{ ip: 'localhost' }] }), 'status');
    const detail = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
    assert.deepEqual(errors, [`status.podIPs[0]: Invalid value: "localhost": ${detail}`]);
  });
});

describe('a mirror pod stays one', () => {
  const key = 'kubernetes.io/config.mirror';
  const mirror = create(podRow, { ...pod(), metadata: { ...pod().metadata, annotations: { [key]: 'x' } } }).object;
  const cases: readonly [string, Pod, Record<string, string>, string | undefined][] = [
    ['kept', mirror, { [key]: 'x', other: 'new' }, undefined],
    ['changed', mirror, { [key]: 'y' }, 'may not remove or update mirror pod annotation'],
    ['removed', mirror, {}, 'may not remove or update mirror pod annotation'],
    ['added', create(podRow, pod()).object, { [key]: 'x' }, 'may not add mirror pod annotation'],
  ];
  for (const [what, old, annotations, message] of cases) {
    it(`its annotation is ${what}`, () => {
      const { errors } = update(podRow, old, (copy) => (copy.metadata.annotations = annotations));
      assert.deepEqual(
        errors,
        message === undefined ? [] : [`metadata.annotations[kubernetes.io/config.mirror]: Forbidden: ${message}`],
      );
    });
  }
});

describe('how long a deleted pod may take', () => {
  const scheduled = { nodeName: 'node1', terminationGracePeriodSeconds: 40 };
  const cases: readonly { what: string; spec: Partial<PodSpec>; phase?: string; asked?: number; seconds: number }[] = [
    { what: 'on no node: goes at once', spec: { terminationGracePeriodSeconds: 40 }, seconds: 0 },
    { what: 'on a node: its own time', spec: scheduled, seconds: 40 },
    { what: 'on a node: the time asked for', spec: scheduled, asked: 5, seconds: 5 },
    { what: 'on a node, forced: at once', spec: scheduled, asked: 0, seconds: 0 },
    { what: 'on a node, less than nothing: a second', spec: scheduled, asked: -1, seconds: 1 },
    { what: 'that has succeeded: at once', spec: scheduled, phase: 'Succeeded', seconds: 0 },
    { what: 'that has failed: at once', spec: scheduled, phase: 'Failed', asked: 10, seconds: 0 },
  ];
  for (const { what, spec, phase = 'Running', asked, seconds } of cases) {
    it(what, () => {
      const options = asked === undefined ? {} : { gracePeriodSeconds: asked };
      assert.equal(podRow.strategy.gracePeriodSeconds?.({ ...pod(spec), status: { phase } }, options), seconds);
    });
  }
});
