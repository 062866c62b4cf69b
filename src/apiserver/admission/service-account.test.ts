import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ApiError } from '../../api/errors.ts';
import { serviceAccounts } from '../../api/resources.ts';
import type { Pod, PodSpec, ServiceAccount, Volume } from '../../api/types.gen.ts';
import { contextOf, lookupOf } from '../resources/testing.ts';
import { withServiceAccount } from './service-account.ts';

const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount';
const account = (name: string, more: Partial<ServiceAccount> = {}): ServiceAccount => ({
  metadata: { name, namespace: 'shop' },
  ...more,
});
const context = contextOf({
  lookup: lookupOf(
    [serviceAccounts, account('default')],
    [serviceAccounts, account('robot', { imagePullSecrets: [{ name: 'registry' }] })],
    [serviceAccounts, account('shy', { automountServiceAccountToken: false })],
    [serviceAccounts, account('open', { automountServiceAccountToken: true })],
  ),
});

const mirror = { 'kubernetes.io/config.mirror': 'hash' };

function admitted(spec: Partial<PodSpec> = {}, annotations: Record<string, string> = {}): PodSpec {
  const pod: Pod = {
    metadata: { name: 'web', namespace: 'shop', annotations },
    spec: { containers: [{ name: 'main', image: 'busybox' }], ...spec },
  };
  withServiceAccount(pod, context);
  return pod.spec ?? assert.fail('no spec');
}

/** The container's mounts as `PATH from VOLUME`, the made-up end of the name left out. */
function mounts(spec: PodSpec, container: string): string[] {
  const all = [...(spec.initContainers ?? []), ...spec.containers];
  const found = all.find(({ name }) => name === container) ?? assert.fail(`no ${container}`);
  return (found.volumeMounts ?? []).map(
    (each) => `${each.mountPath} from ${each.name.replace(/-[a-z0-9]{5}$/, '-*')}${each.readOnly ? ', read-only' : ''}`,
  );
}

const given = `${mountPath} from kube-api-access-*, read-only`;

describe('the files by which a pod reaches the API', () => {
  it('are a token, the CA and the namespace', () => {
    const { volumes } = admitted();
    const [volume] = volumes ?? [];
    assert.match(volume?.name ?? '', /^kube-api-access-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
    assert.deepEqual(volume?.projected, {
      defaultMode: 420,
      sources: [
        { serviceAccountToken: { path: 'token', expirationSeconds: 3607 } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        {
          downwardAPI: {
            items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
          },
        },
      ],
    });
    assert.equal(volumes?.length, 1);
  });

  const image = 'busybox';
  const scratch: Volume = { name: 'scratch', emptyDir: {} };
  const cases: readonly {
    what: string;
    spec: Partial<PodSpec>;
    volumes: readonly string[];
    expected: Readonly<Record<string, readonly string[]>>;
  }[] = [
    { what: 'every pod', spec: {}, volumes: ['kube-api-access-*'], expected: { main: [given] } },
    {
      what: 'every container and init container, beside what it mounts itself',
      spec: {
        volumes: [scratch],
        initContainers: [{ name: 'first', image }],
        containers: [{ name: 'main', image, volumeMounts: [{ name: 'scratch', mountPath: '/scratch' }] }],
      },
      volumes: ['scratch', 'kube-api-access-*'],
      expected: { first: [given], main: ['/scratch from scratch', given] },
    },
    {
      what: 'not a container that mounts something there',
      spec: {
        volumes: [scratch],
        containers: [
          { name: 'main', image, volumeMounts: [{ name: 'scratch', mountPath }] },
          { name: 'other', image },
        ],
      },
      volumes: ['scratch', 'kube-api-access-*'],
      expected: { main: [`${mountPath} from scratch`], other: [given] },
    },
    {
      what: 'no volume when nobody mounts it',
      spec: {
        volumes: [scratch],
        containers: [{ name: 'main', image, volumeMounts: [{ name: 'scratch', mountPath }] }],
      },
      volumes: ['scratch'],
      expected: { main: [`${mountPath} from scratch`] },
    },
    {
      what: 'from a volume of that name which the pod brings',
      spec: { volumes: [{ name: 'kube-api-access-mine', emptyDir: {} }] },
      volumes: ['kube-api-access-mine'],
      expected: { main: [`${mountPath} from kube-api-access-mine, read-only`] },
    },
    {
      what: 'not a pod that wants none',
      spec: { automountServiceAccountToken: false },
      volumes: [],
      expected: { main: [] },
    },
    {
      what: 'not a pod that wants none, though its account does',
      spec: { automountServiceAccountToken: false, serviceAccountName: 'open' },
      volumes: [],
      expected: { main: [] },
    },
    {
      what: 'not the pod of an account that wants none',
      spec: { serviceAccountName: 'shy' },
      volumes: [],
      expected: { main: [] },
    },
    {
      what: 'the pod that wants it, though its account does not',
      spec: { serviceAccountName: 'shy', automountServiceAccountToken: true },
      volumes: ['kube-api-access-*'],
      expected: { main: [given] },
    },
  ];
  for (const { what, spec, volumes, expected } of cases) {
    it(`given: ${what}`, () => {
      const made = admitted(structuredClone(spec));
      const names = (made.volumes ?? []).map(({ name }) => name.replace(/-[a-z0-9]{5}$/, '-*'));
      assert.deepEqual(names, volumes);
      for (const [container, wanted] of Object.entries(expected)) assert.deepEqual(mounts(made, container), wanted);
    });
  }
});

describe('the account of a pod', () => {
  it('is `default` when it names none', () => {
    const { serviceAccountName, serviceAccount } = admitted();
    assert.deepEqual([serviceAccountName, serviceAccount], ['default', 'default']);
  });

  it('gives its pull secrets, unless the pod has some', () => {
    assert.deepEqual(admitted({ serviceAccountName: 'robot' }).imagePullSecrets, [{ name: 'registry' }]);
    const own = [{ name: 'mine' }];
    assert.deepEqual(admitted({ serviceAccountName: 'robot', imagePullSecrets: own }).imagePullSecrets, own);
    assert.equal(admitted().imagePullSecrets, undefined);
  });

  const refusals: readonly [spec: Partial<PodSpec>, annotations: Record<string, string>, why: string][] = [
    [
      { serviceAccountName: 'nobody' },
      {},
      'error looking up service account shop/nobody: serviceaccount "nobody" not found',
    ],
    [{ serviceAccountName: 'robot' }, mirror, 'a mirror pod may not reference service accounts'],
    [{ imagePullSecrets: [{ name: 'registry' }] }, mirror, 'a mirror pod may not reference secrets'],
    [
      { volumes: [{ name: 'v', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } }] },
      mirror,
      'a mirror pod may not use ServiceAccountToken volume projections',
    ],
  ];
  for (const [spec, annotations, why] of refusals) {
    it(`is refused: ${why}`, () => {
      assert.throws(
        () => admitted(spec, annotations),
        (error) =>
          error instanceof ApiError && error.code === 403 && error.message === `pods "web" is forbidden: ${why}`,
      );
    });
  }

  it('and a mirror pod has none, and no files', () => {
    assert.deepEqual(admitted({}, mirror), { containers: [{ name: 'main', image: 'busybox' }] });
  });
});
