import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeObject, ObjectKey } from '../api/client.ts';
import { apiError } from '../api/errors.ts';
import type { ResourceType } from '../api/resources.ts';
import type { Endpoints, EndpointSlice, Service } from '../api/types.gen.ts';
import { bootstrap } from './bootstrap.ts';
import type { BootstrapClient } from './ensure.ts';

interface Fake {
  readonly client: BootstrapClient;
  readonly objects: Map<string, KubeObject>;
  readonly writes: string[];
}

const place = (type: ResourceType<unknown>, { namespace = '', name }: ObjectKey): string =>
  `${type.resource}/${namespace}/${name}`;

/** A server in memory; `loseCreates` others are faster at that many creates. */
function fake(loseCreates = 0): Fake {
  const objects = new Map<string, KubeObject>();
  const writes: string[] = [];
  let lost = loseCreates;
  const write = <T extends KubeObject>(verb: string, type: ResourceType<T>, object: T): Promise<T> => {
    const key = place(type, { namespace: object.metadata.namespace, name: object.metadata.name ?? '' });
    objects.set(key, structuredClone(object));
    if (verb === 'create' && lost > 0) {
      lost -= 1;
      return Promise.reject(apiError({ code: 409, reason: 'AlreadyExists', message: key }));
    }
    writes.push(`${verb} ${key}`);
    return Promise.resolve(object);
  };
  return {
    objects,
    writes,
    client: {
      get: <T extends KubeObject>(type: ResourceType<T>, key: ObjectKey) => {
        const object = objects.get(place(type, key));
        if (object === undefined) return Promise.reject(apiError({ code: 404, reason: 'NotFound', message: 'none' }));
        return Promise.resolve(structuredClone(object) as T);
      },
      create: (type, object) => write('create', type, object),
      update: (type, object) => write('update', type, object),
    },
  };
}

const options = { serviceCIDR: '10.46.0.0/16', advertiseAddress: '10.44.0.2' };

describe('a cluster starts with what every cluster has', () => {
  it('four namespaces, and the kubernetes Service that leads to the server', async () => {
    const { client, objects, writes } = fake();
    await bootstrap({ client, ...options });
    assert.deepEqual(writes, [
      'create namespaces//default',
      'create namespaces//kube-system',
      'create namespaces//kube-public',
      'create namespaces//kube-node-lease',
      'create services/default/kubernetes',
      'create servicecidrs//kubernetes',
      'create endpoints/default/kubernetes',
      'create endpointslices/default/kubernetes',
    ]);
    const { spec } = objects.get('services/default/kubernetes') as Service;
    assert.equal(spec?.clusterIP, '10.46.0.1');
    assert.deepEqual(spec.ports, [{ name: 'https', port: 443, protocol: 'TCP', targetPort: 6443 }]);
    const { subsets } = objects.get('endpoints/default/kubernetes') as Endpoints;
    assert.deepEqual(subsets, [
      { addresses: [{ ip: '10.44.0.2' }], ports: [{ name: 'https', port: 6443, protocol: 'TCP' }] },
    ]);
    const slice = objects.get('endpointslices/default/kubernetes') as EndpointSlice;
    assert.deepEqual(slice.endpoints, [{ addresses: ['10.44.0.2'], conditions: { ready: true } }]);
    assert.deepEqual(slice.metadata.labels, { 'kubernetes.io/service-name': 'kubernetes' });
  });

  it('a second start finds everything right and writes nothing', async () => {
    const { client, writes } = fake();
    await bootstrap({ client, ...options });
    writes.length = 0;
    await bootstrap({ client, ...options });
    assert.deepEqual(writes, []);
  });

  it('a start at another address corrects the endpoints, and them alone', async () => {
    const { client, objects, writes } = fake();
    await bootstrap({ client, ...options });
    writes.length = 0;
    await bootstrap({ client, ...options, advertiseAddress: '10.44.0.3' });
    assert.deepEqual(writes, ['update endpoints/default/kubernetes', 'update endpointslices/default/kubernetes']);
    const slice = objects.get('endpointslices/default/kubernetes') as EndpointSlice;
    assert.deepEqual(slice.endpoints?.[0]?.addresses, ['10.44.0.3']);
  });

  it('another server that starts at the same time does no harm', async () => {
    const { client } = fake(3);
    await bootstrap({ client, ...options });
  });

  it('at a loopback address there are no endpoints', async () => {
    const { client, writes } = fake();
    await bootstrap({ client, ...options, advertiseAddress: '127.0.0.1' });
    assert.deepEqual(writes.slice(-2), ['create services/default/kubernetes', 'create servicecidrs//kubernetes']);
  });

  it('with IPv6 everything is IPv6', async () => {
    const { client, objects } = fake();
    await bootstrap({ client, serviceCIDR: 'fd00:46::/108', advertiseAddress: 'fd00:44::2' });
    const { spec } = objects.get('services/default/kubernetes') as Service;
    assert.deepEqual([spec?.clusterIP, spec?.ipFamilies], ['fd00:46::1', ['IPv6']]);
    assert.equal((objects.get('endpointslices/default/kubernetes') as EndpointSlice).addressType, 'IPv6');
  });
});
