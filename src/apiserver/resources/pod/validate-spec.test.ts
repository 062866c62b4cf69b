import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod, PodSpec } from '../../../api/types.gen.ts';
import { podRow } from '../pods.ts';
import { create } from '../testing.ts';

const container = { name: 'web', image: 'nginx:1.27' };

function pod(spec: Partial<PodSpec> = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'shop' },
    spec: { containers: [{ ...container }], ...spec },
  };
}

describe('a pod that breaks a rule is refused in the known words', () => {
  const web = (more: object): Partial<PodSpec> => ({ containers: [{ ...container, ...more }] });
  const cases: readonly { what: string; spec: Partial<PodSpec>; says: readonly string[] }[] = [
    {
      what: 'sysctls that are none, and one twice',
      spec: {
        securityContext: {
          sysctls: ['foo-', 'kernel.shm_rmid_forced', 'bar..', 'net/ipv4/a_b', 'kernel.shm_rmid_forced'].map(
            (name) => ({
              name,
              value: '1',
            }),
          ),
        },
      },
      says: [
        'spec.securityContext.sysctls[0].name: Invalid value: "foo-": must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$',
        'spec.securityContext.sysctls[2].name: Invalid value: "bar..": must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$',
        'spec.securityContext.sysctls[4].name: Duplicate value: "kernel.shm_rmid_forced"',
      ],
    },
    { what: 'no containers', spec: { containers: [] }, says: ['spec.containers: Required value'] },
    { what: 'no image', spec: web({ image: '' }), says: ['spec.containers[0].image: Required value'] },
    {
      what: 'blanks around the image',
      spec: web({ image: ' nginx' }),
      says: ['spec.containers[0].image: Invalid value: " nginx": must not have leading or trailing whitespace'],
    },
    {
      what: 'two containers of one name',
      spec: { containers: [container, container] },
      says: ['spec.containers[1].name: Duplicate value: "web"'],
    },
    {
      what: 'an unknown restart policy',
      spec: { restartPolicy: 'Sometimes' },
      says: ['spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"'],
    },
    {
      what: 'a port that is none',
      spec: web({ ports: [{ containerPort: 70_000 }] }),
      says: ['spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive'],
    },
    {
      what: 'an unknown protocol',
      spec: web({ ports: [{ containerPort: 80, protocol: 'ICMP' }] }),
      says: ['spec.containers[0].ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"'],
    },
    {
      what: 'one host port twice',
      spec: {
        containers: [
          {
            ...container,
            ports: [
              { containerPort: 1, hostPort: 80 },
              { containerPort: 2, hostPort: 80 },
            ],
          },
        ],
      },
      says: ['spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//80"'],
    },
    {
      what: 'more requested than allowed',
      spec: web({ resources: { limits: { cpu: '1' }, requests: { cpu: '2' } } }),
      says: ['spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1'],
    },
    {
      what: 'a negative request',
      spec: web({ resources: { requests: { cpu: '-1' } } }),
      says: ['spec.containers[0].resources.requests[cpu]: Invalid value: "-1": must be greater than or equal to 0'],
    },
    {
      what: 'a mount of a volume that is not there',
      spec: web({ volumeMounts: [{ name: 'data', mountPath: '/data' }] }),
      says: ['spec.containers[0].volumeMounts[0].name: Not found: "data"'],
    },
    {
      what: 'a volume with two sources',
      spec: { volumes: [{ name: 'v', emptyDir: {}, hostPath: { path: '/x' } }] },
      says: ['spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type'],
    },
    {
      what: 'a subPath that climbs',
      spec: { volumes: [{ name: 'v' }], ...web({ volumeMounts: [{ name: 'v', mountPath: '/v', subPath: '../etc' }] }) },
      says: [`spec.containers[0].volumeMounts.subPath: Invalid value: "../etc": must not contain '..'`],
    },
    {
      what: 'a probe that does nothing',
      spec: web({ livenessProbe: {} }),
      says: ['spec.containers[0].livenessProbe: Required value: must specify a handler type'],
    },
    {
      what: 'a probe that does two things',
      spec: web({ livenessProbe: { exec: { command: ['true'] }, tcpSocket: { port: 1 } } }),
      says: ['spec.containers[0].livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type'],
    },
    {
      what: 'a liveness probe that must succeed twice',
      spec: web({ livenessProbe: { tcpSocket: { port: 1 }, successThreshold: 2 } }),
      says: ['spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1'],
    },
    {
      what: 'a probe in an init container that ends',
      spec: { initContainers: [{ name: 'init', image: 'x:1', readinessProbe: { tcpSocket: { port: 1 } } }] },
      says: [
        'spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always',
      ],
    },
    {
      what: 'an environment variable from nowhere',
      spec: web({ env: [{ name: 'A', valueFrom: {} }] }),
      says: [
        'spec.containers[0].env[0].valueFrom: Invalid value: "": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`',
      ],
    },
    {
      what: 'a field that no variable may take',
      spec: web({ env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.labels' } } }] }),
      says: [
        'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Unsupported value: "metadata.labels": supported values: "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"',
      ],
    },
    {
      what: 'a toleration for some seconds of an effect that does not last',
      spec: { tolerations: [{ key: 'a', operator: 'Exists', effect: 'NoSchedule', tolerationSeconds: 1 }] },
      says: [
        `spec.tolerations[0].effect: Invalid value: "NoSchedule": effect must be 'NoExecute' when \`tolerationSeconds\` is set`,
      ],
    },
    {
      what: 'no name server of its own where it asked for none of the cluster’s',
      spec: { dnsPolicy: 'None' },
      says: ['spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None'],
    },
    {
      what: 'a node chosen while gates are closed',
      spec: { nodeName: 'node1', schedulingGates: [{ name: 'x' }] },
      says: ['spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared'],
    },
  ];
  for (const { what, spec, says } of cases) {
    it(what, () => {
      assert.deepEqual(create(podRow, pod(spec)).errors, says);
    });
  }
});
