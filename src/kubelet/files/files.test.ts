import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, PodSpec } from '../../api/types.gen.ts';
import { createPodDirs } from './pod-dirs.ts';
import { podResolvConf } from './resolv-conf.ts';

const cluster = { domain: 'cluster.local', servers: ['10.46.0.10'] };
const nodeFile = '# by hand\nnameserver 192.0.2.1\nsearch example.net\noptions timeout:1\n';
const clusterFile =
  'search shop.svc.cluster.local svc.cluster.local cluster.local example.net\nnameserver 10.46.0.10\noptions ndots:5\n';
const nodeText = 'search example.net\nnameserver 192.0.2.1\noptions timeout:1\n';

function pod(spec: Partial<PodSpec>): Pod {
  return { metadata: { namespace: 'shop' }, spec: { containers: [], ...spec } };
}

const cases: Readonly<Record<string, [Partial<PodSpec>, typeof cluster, string]>> = {
  'no policy is ClusterFirst': [{}, cluster, clusterFile],
  ClusterFirst: [{ dnsPolicy: 'ClusterFirst' }, cluster, clusterFile],
  'ClusterFirst on the host network': [{ dnsPolicy: 'ClusterFirst', hostNetwork: true }, cluster, nodeText],
  ClusterFirstWithHostNet: [{ dnsPolicy: 'ClusterFirstWithHostNet', hostNetwork: true }, cluster, clusterFile],
  'ClusterFirst in a cluster without DNS': [{}, { ...cluster, servers: [] }, nodeText],
  Default: [{ dnsPolicy: 'Default' }, cluster, nodeText],
  None: [
    {
      dnsPolicy: 'None',
      dnsConfig: {
        nameservers: ['9.9.9.9'],
        searches: ['a.b'],
        options: [{ name: 'rotate' }, { name: 'ndots', value: '2' }],
      },
    },
    cluster,
    'search a.b\nnameserver 9.9.9.9\noptions rotate ndots:2\n',
  ],
  'own options win, servers add up to three': [
    { dnsConfig: { nameservers: ['1.1.1.1', '2.2.2.2', '3.3.3.3'], options: [{ name: 'ndots', value: '1' }] } },
    cluster,
    clusterFile
      .replace('10.46.0.10\n', '10.46.0.10\nnameserver 1.1.1.1\nnameserver 2.2.2.2\n')
      .replace('ndots:5', 'ndots:1'),
  ],
};

for (const [name, [spec, dns, expected]] of Object.entries(cases)) {
  test(`resolv.conf: ${name}`, () => assert.equal(podResolvConf(pod(spec), dns, nodeFile), expected));
}

test('no name of the API leads out of the folder of pods', () => {
  const dirs = createPodDirs('/state', '/logs');
  assert.throws(() => dirs.pod('../x'));
  assert.throws(() => dirs.volume('u1', '..'));
  assert.throws(() => dirs.log({ metadata: { namespace: 'a', name: 'b/../../c', uid: 'u' } }, 'main', 0));
});
