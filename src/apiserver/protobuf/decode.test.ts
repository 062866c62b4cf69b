import assert from 'node:assert/strict';
import test from 'node:test';
import { decodeProtobuf } from './decode.ts';

/** What stock kubectl 1.32 and upstream's own Go encoder sent. */
const bodies = {
  secret: 'azhzAAoMCgJ2MRIGU2VjcmV0Eh0KEQoBcxIAGgAiACoAMgA4AEIAEgYKAXASAXEaABoAIgA=',
  service:
    'azhzAAoNCgJ2MRIHU2VydmljZRJqCh8KA3dlYhIAGgAiACoAMgA4AEIAWgoKA2FwcBIDd2ViEkMKHQoHODAtODA4MBIDVENQGFAiBwgAEJA/GgAo' +
    'gOsBEgoKA2FwcBIDd2ViGgAiCE5vZGVQb3J0OgBCAFIAWgBgAGgAGgIKABoAIgA=',
  pod:
    'azhzAAoJCgJ2MRIDUG9kEogCCikKAXASABoAIgAqADIAOABCCAiA4s+qBhAAYgUKAWESAGIHCgLDvBIBeBLFAQoNCgFjEgiaAQUKAwoBbQoJCgFl' +
    'EgQSAgoAEnwKAWMSAWkaAWEaACoAQiASDQoDY3B1EgYKBDEwMG0SDwoGbWVtb3J5EgUKAzFHaVIZCg0aCwoHCAAQkD8aABIAEAAYACAAKAAwAFog' +
    'ChQSEgoBLxIJCAEQABoDd2ViGgAiABAAGAAgBSgAMABqAHIAgAEBiAEAkAEAogEAGgAo////////////ATIAQgBKAFIAWABgAGgAggEAigEAmgEA' +
    'qAEAwgEA8AEBGhMKABoAIgAqADIASgBaAHIAiAEAGgAiAA==',
  review:
    'azhzAAouChdhdXRob3JpemF0aW9uLms4cy5pby92MRITU3ViamVjdEFjY2Vzc1JldmlldxIyChAKABIAGgAiACoAMgA4AEIAEhQaAXUqDQoBaxII' +
    'CgJ2MQoCdjIyABoICAASABoAIAAaACIA',
};

const decode = (text: string): unknown => decodeProtobuf(Buffer.from(text, 'base64'));

test('bytes come out as base64, what is zero and unset is left out', () => {
  assert.deepEqual(decode(bodies.secret), {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 's' },
    data: { p: 'cQ==' },
  });
});

test('numbers, int-or-strings and maps', () => {
  assert.deepEqual(decode(bodies.service), {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', labels: { app: 'web' } },
    spec: {
      ports: [{ name: '80-8080', protocol: 'TCP', port: 80, targetPort: 8080, nodePort: 30080 }],
      selector: { app: 'web' },
      type: 'NodePort',
    },
    status: { loadBalancer: {} },
  });
});

test('embedded messages, quantities, times, pointers to zero, negative numbers, empty texts in lists and maps', () => {
  assert.deepEqual(decode(bodies.pod), {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', creationTimestamp: '2023-11-14T22:13:20Z', annotations: { a: '', ü: 'x' } },
    spec: {
      automountServiceAccountToken: false,
      enableServiceLinks: true,
      activeDeadlineSeconds: -1,
      volumes: [
        { name: 'c', configMap: { name: 'm' } },
        { name: 'e', emptyDir: {} },
      ],
      containers: [
        {
          name: 'c',
          image: 'i',
          stdin: true,
          command: ['a', ''],
          resources: { requests: { cpu: '100m', memory: '1Gi' } },
          livenessProbe: { tcpSocket: { port: 8080 } },
          readinessProbe: { httpGet: { path: '/', port: 'web' }, periodSeconds: 5 },
        },
      ],
    },
    status: {},
  });
});

test('a map of lists', () => {
  assert.deepEqual(decode(bodies.review), {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    metadata: {},
    spec: { user: 'u', extra: { k: ['v1', 'v2'] } },
    status: { allowed: false },
  });
});

test('what is cut short, has no prefix, or is of no known kind is refused with 400', () => {
  const whole = Buffer.from(bodies.pod, 'base64');
  const code = (body: Buffer): number | undefined => {
    try {
      decodeProtobuf(body);
      return undefined;
    } catch (error) {
      return (error as { code?: number }).code;
    }
  };
  assert.equal(code(whole.subarray(4)), 400);
  assert.equal(code(Buffer.from(bodies.pod.replace('UG9k', 'UG9r'), 'base64')), 400);
  // After byte 15 the envelope's first field ends: cut there it is a whole, if empty, pod. Any other cut is refused.
  for (let length = 4; length < 40; length++)
    if (length !== 15) assert.equal(code(whole.subarray(0, length)), 400, `${length} bytes`);
});
