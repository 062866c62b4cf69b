import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeObject } from '../../api/client.ts';
import { isInvalid } from '../../api/errors.ts';
import { ipAddresses, serviceCIDRs, type ResourceType } from '../../api/resources.ts';
import type { IPAddress, Service, ServiceCIDR, ServiceSpec } from '../../api/types.gen.ts';
import { createClusterAddresses } from '../allocators/cluster-addresses.ts';
import { createNodePortPool } from '../allocators/node-ports.ts';
import type { ResourceRow, StrategyContext } from '../resource.ts';
import type { ServicePools } from './service/allocate.ts';
import { serviceRow } from './services.ts';
import { contextOf, create, lookupOf, update, type Written } from './testing.ts';

const first = (): number => 0;

function cluster(...cidrs: readonly string[]): { row: ResourceRow<Service>; pools: ServicePools } {
  const prefixes = cidrs.length === 0 ? ['10.46.0.0/16'] : cidrs;
  const pools = {
    addresses: createClusterAddresses(prefixes, first),
    ports: createNodePortPool({ from: 30_000, to: 32_767 }, first),
  };
  return { row: serviceRow(pools), pools };
}

function service(spec: ServiceSpec = {}): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'shop' },
    spec: { selector: { app: 'web' }, ports: [{ port: 80 }], ...spec },
  };
}

/** A create that came through. */
function stored(row: ResourceRow<Service>, spec: ServiceSpec = {}): Service {
  const written = create(row, service(spec));
  assert.deepEqual(written.errors, []);
  written.allocation?.commit();
  return written.object;
}

/** An update that came through. */
function changed(row: ResourceRow<Service>, old: Service, change: (spec: ServiceSpec) => void): Service {
  const written = update(row, old, (copy) => change((copy.spec ??= {})));
  assert.deepEqual(written.errors, []);
  written.allocation?.commit();
  return written.object;
}

const refusal = (says: string) => (error: unknown) => {
  assert.ok(isInvalid(error));
  assert.equal((error as Error).message, `Service "web" is invalid: ${says}`);
  return true;
};

describe('a new Service gets what the API fills in', () => {
  it('a ClusterIP Service that says nothing', () => {
    assert.deepEqual(stored(cluster().row).spec, {
      clusterIP: '10.46.1.1',
      clusterIPs: ['10.46.1.1'],
      internalTrafficPolicy: 'Cluster',
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
      selector: { app: 'web' },
      sessionAffinity: 'None',
      type: 'ClusterIP',
    });
  });

  it('a NodePort Service gets a port on the nodes and an external policy', () => {
    const { spec } = stored(cluster().row, { type: 'NodePort' });
    assert.equal(spec?.ports?.[0]?.nodePort, 30_086);
    assert.equal(spec.externalTrafficPolicy, 'Cluster');
  });

  it('affinity to the client lasts three hours', () => {
    const { spec } = stored(cluster().row, { sessionAffinity: 'ClientIP' });
    assert.deepEqual(spec?.sessionAffinityConfig, { clientIP: { timeoutSeconds: 10_800 } });
  });

  it('headless with a selector has one family and no address', () => {
    const { spec } = stored(cluster().row, { clusterIP: 'None' });
    assert.deepEqual(
      [spec?.clusterIP, spec?.clusterIPs, spec?.ipFamilies, spec?.ipFamilyPolicy],
      ['None', ['None'], ['IPv4'], 'SingleStack'],
    );
  });

  it('headless without a selector has both families, also in a cluster of one', () => {
    const { spec } = stored(cluster().row, { clusterIP: 'None', selector: {} });
    assert.deepEqual([spec?.ipFamilies, spec?.ipFamilyPolicy], [['IPv4', 'IPv6'], 'RequireDualStack']);
  });

  it('an empty list is stored as none', () => {
    const { spec } = stored(cluster().row, { clusterIP: 'None', ports: [], externalIPs: [] });
    assert.deepEqual([spec?.ports, spec?.externalIPs], [undefined, undefined]);
  });

  it('an ExternalName takes no port of the nodes, though one is written', () => {
    const { row, pools } = cluster();
    stored(row, { type: 'ExternalName', externalName: 'example.com', ports: [{ port: 80, nodePort: 30_005 }] });
    assert.equal(pools.ports.has(30_005), false);
  });

  it('an ExternalName has neither address nor family nor policy', () => {
    const { spec } = stored(cluster().row, { type: 'ExternalName', externalName: 'example.com' });
    assert.deepEqual(
      [spec?.clusterIP, spec?.ipFamilies, spec?.internalTrafficPolicy],
      [undefined, undefined, undefined],
    );
  });

  it('in a cluster of two families, one is given unless both are preferred', () => {
    const { row } = cluster('10.46.0.0/16', 'fd00:46::/108');
    assert.deepEqual(stored(row).spec?.clusterIPs, ['10.46.1.1']);
    const dual = stored(row, { ipFamilyPolicy: 'PreferDualStack' }).spec;
    assert.deepEqual(
      [dual?.ipFamilies, dual?.clusterIPs],
      [
        ['IPv4', 'IPv6'],
        ['10.46.1.2', 'fd00:46::101'],
      ],
    );
  });

  it('an address of the second family that is asked for makes it the family', () => {
    const { row } = cluster('10.46.0.0/16', 'fd00:46::/108');
    const { spec } = stored(row, { clusterIP: 'fd00:46::7' });
    assert.deepEqual([spec?.ipFamilies, spec?.clusterIPs], [['IPv6'], ['fd00:46::7']]);
  });
});

describe('addresses and ports are held for as long as they are used', () => {
  it('an address that is asked for is taken, and refused to the next', () => {
    const { row } = cluster();
    assert.equal(stored(row, { clusterIP: '10.46.0.10' }).spec?.clusterIP, '10.46.0.10');
    assert.throws(
      () => create(row, service({ clusterIP: '10.46.0.10' })),
      refusal(
        'spec.clusterIPs: Invalid value: ["10.46.0.10"]: failed to allocate IP 10.46.0.10: provided IP is already allocated',
      ),
    );
  });

  it('an address outside of the cluster is refused with the range', () => {
    assert.throws(
      () => create(cluster().row, service({ clusterIP: '10.99.0.1' })),
      refusal(
        'spec.clusterIPs: Invalid value: ["10.99.0.1"]: failed to allocate IP 10.99.0.1: the provided IP (10.99.0.1) is not in the valid range. The range of valid IPs is 10.46.0.0/16',
      ),
    );
  });

  it('a refused port gives the address back', () => {
    const { row, pools } = cluster();
    const spec: ServiceSpec = { type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] };
    assert.throws(
      () => create(row, service(spec)),
      refusal(
        'spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767',
      ),
    );
    assert.equal(pools.addresses.has('10.46.1.1'), false);
  });

  it('a write that failed gives everything back', () => {
    const { row, pools } = cluster();
    create(row, service({ type: 'NodePort' })).allocation?.rollback();
    assert.deepEqual([pools.addresses.has('10.46.1.1'), pools.ports.has(30_086)], [false, false]);
  });

  it('a dry run takes nothing, and still sees what is taken', () => {
    const { row, pools } = cluster();
    stored(row, { type: 'NodePort', ports: [{ port: 80, nodePort: 30_001 }] });
    const dry = contextOf({ dryRun: true });
    const written: Written<Service> = create(row, service({ type: 'NodePort' }), dry);
    assert.deepEqual(
      [written.object.spec?.clusterIP, written.object.spec?.ports?.[0]?.nodePort],
      ['10.46.0.0', 30_000],
    );
    assert.equal(pools.ports.has(30_000), false);
    assert.throws(
      () => create(row, service({ type: 'NodePort', ports: [{ port: 80, nodePort: 30_001 }] }), dry),
      refusal('spec.ports[0].nodePort: Invalid value: 30001: provided port is already allocated'),
    );
  });

  it('TCP and UDP of one port share a port on the nodes', () => {
    const { spec } = stored(cluster().row, {
      type: 'NodePort',
      ports: [
        { name: 'dns', port: 53, protocol: 'UDP' },
        { name: 'dns-tcp', port: 53, protocol: 'TCP' },
      ],
    });
    assert.deepEqual(
      spec?.ports?.map(({ nodePort }) => nodePort),
      [30_086, 30_086],
    );
  });

  it('a deleted Service gives everything back', () => {
    const { row, pools } = cluster();
    const old = stored(row, { type: 'NodePort' });
    row.strategy.release?.(old);
    assert.deepEqual([pools.addresses.has('10.46.1.1'), pools.ports.has(30_086)], [false, false]);
  });

  it('after a start the pools know what the stored Services hold', () => {
    const old = stored(cluster().row, { type: 'NodePort' });
    const { row, pools } = cluster();
    row.strategy.restore?.([old]);
    assert.deepEqual([pools.addresses.has('10.46.1.1'), pools.ports.has(30_086)], [true, true]);
    assert.equal(stored(row).spec?.clusterIP, '10.46.1.2');
  });
});

describe('ranges that come and go', () => {
  const range = (name: string, ready: 'True' | 'False', deletionTimestamp?: string): ServiceCIDR => ({
    metadata: { name, ...(deletionTimestamp !== undefined && { deletionTimestamp }) },
    spec: { cidrs: ['192.0.2.0/24'] },
    status: { conditions: [{ type: 'Ready', status: ready, reason: '', message: '', lastTransitionTime: '' }] },
  });
  const knowing = (...objects: readonly (readonly [ResourceType<KubeObject>, KubeObject])[]): StrategyContext =>
    contextOf({ lookup: lookupOf(...objects) });
  const outside = refusal(
    'spec.clusterIPs: Invalid value: ["192.0.2.7"]: failed to allocate IP 192.0.2.7: the provided IP (192.0.2.7) is not in the valid range. The range of valid IPs is 10.46.0.0/16',
  );
  const asked = service({ clusterIP: '192.0.2.7' });

  it('a ServiceCIDR gives addresses while it is ready and stays', () => {
    const { row, pools } = cluster();
    assert.throws(() => create(row, asked), outside);
    assert.throws(() => create(row, asked, knowing([serviceCIDRs, range('more', 'False')])), outside);
    const { object, allocation } = create(row, asked, knowing([serviceCIDRs, range('more', 'True')]));
    allocation?.commit();
    assert.equal(object.spec?.clusterIP, '192.0.2.7');
    // What it gave stays taken after it.
    const gone = knowing([serviceCIDRs, range('more', 'True', '2026-01-01T00:00:00Z')]);
    assert.throws(() => create(row, service({ clusterIP: '192.0.2.8' }), gone), /not in the valid range/);
    assert.equal(pools.addresses.has('192.0.2.7'), true);
    assert.throws(() => create(row, asked, knowing([serviceCIDRs, range('again', 'True')])), /already allocated/);
  });

  it('a full range is followed by the next', () => {
    const { row } = cluster('10.0.0.0/30');
    const context = knowing([serviceCIDRs, range('more', 'True')]);
    const addresses = Array.from({ length: 3 }, () => create(row, service(), context).object.spec?.clusterIP);
    assert.deepEqual(addresses, ['10.0.0.1', '10.0.0.2', '192.0.2.17']);
  });

  it('an address that an IPAddress of somebody else holds is not given; one that repeats a Service holds nothing', () => {
    const { row } = cluster();
    const held = (name: string, labels: Record<string, string> = {}): IPAddress => ({
      metadata: { name, labels },
      spec: { parentRef: { group: 'gateway.networking.k8s.io', resource: 'gateways', namespace: 'shop', name: 'in' } },
    });
    const context = knowing(
      [ipAddresses, held('10.46.1.1')],
      [ipAddresses, held('10.46.1.2', { 'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io' })],
    );
    assert.throws(() => create(row, service({ clusterIP: '10.46.1.1' }), context), /already allocated/);
    assert.equal(create(row, service(), context).object.spec?.clusterIP, '10.46.1.2');
  });
});

describe('a Service that changes its type', () => {
  it('from ClusterIP to NodePort keeps its address and gets a port', () => {
    const { row } = cluster();
    const { spec } = changed(row, stored(row), (each) => (each.type = 'NodePort'));
    assert.deepEqual([spec?.clusterIP, spec?.ports?.[0]?.nodePort], ['10.46.1.1', 30_086]);
  });

  it('from NodePort to ClusterIP gives its port back, though the author left it in', () => {
    const { row, pools } = cluster();
    const { spec } = changed(row, stored(row, { type: 'NodePort' }), (each) => (each.type = 'ClusterIP'));
    assert.deepEqual([spec?.ports?.[0]?.nodePort, spec?.externalTrafficPolicy], [undefined, undefined]);
    assert.equal(pools.ports.has(30_086), false);
  });

  it('to ExternalName gives everything back, and families go too', () => {
    const { row, pools } = cluster();
    const { spec } = changed(row, stored(row, { type: 'NodePort' }), (each) => {
      each.type = 'ExternalName';
      each.externalName = 'example.com';
    });
    assert.deepEqual([spec?.clusterIP, spec?.clusterIPs, spec?.ipFamilies], [undefined, undefined, undefined]);
    assert.deepEqual([pools.addresses.has('10.46.1.1'), pools.ports.has(30_086)], [false, false]);
  });

  it('from ExternalName to ClusterIP gets an address', () => {
    const { row } = cluster();
    const old = stored(row, { type: 'ExternalName', externalName: 'example.com' });
    const { spec } = changed(row, old, (each) => (each.type = 'ClusterIP'));
    assert.deepEqual([spec?.clusterIP, spec?.ipFamilies], ['10.46.1.1', ['IPv4']]);
  });

  it('when the write fails, the old one still holds what it had', () => {
    const { row, pools } = cluster();
    const old = stored(row, { type: 'NodePort' });
    update(row, old, (copy) => Object.assign(copy.spec ?? {}, { type: 'ClusterIP' })).allocation?.rollback();
    assert.equal(pools.ports.has(30_086), true);
  });
});

describe('the port at which nodes tell their health', () => {
  const local: ServiceSpec = { type: 'LoadBalancer', externalTrafficPolicy: 'Local' };

  it('comes with LoadBalancer and Local, and goes with either', () => {
    const { row, pools } = cluster();
    const old = stored(row, local);
    const port = old.spec?.healthCheckNodePort ?? 0;
    assert.deepEqual([port > 30_000, pools.ports.has(port)], [true, true]);
    const { spec } = changed(row, old, (each) => (each.externalTrafficPolicy = 'Cluster'));
    assert.deepEqual([spec?.healthCheckNodePort, pools.ports.has(port)], [undefined, false]);
  });

  it('can be asked for, stays when left out, and cannot be changed', () => {
    const { row } = cluster();
    const old = stored(row, { ...local, healthCheckNodePort: 30_500 });
    assert.equal(changed(row, old, (each) => delete each.healthCheckNodePort).spec?.healthCheckNodePort, 30_500);
    const { errors } = update(row, old, (copy) => Object.assign(copy.spec ?? {}, { healthCheckNodePort: 30_501 }));
    assert.deepEqual(errors, ['spec.healthCheckNodePort: Forbidden: field is immutable']);
  });

  it('comes without ports for the traffic where those are not wanted', () => {
    const { spec } = stored(cluster().row, { ...local, allocateLoadBalancerNodePorts: false });
    assert.deepEqual([spec?.ports?.[0]?.nodePort, (spec?.healthCheckNodePort ?? 0) > 0], [undefined, true]);
  });
});

describe('a Service that changes otherwise', () => {
  it('keeps address and port when the author leaves them out', () => {
    const { row } = cluster();
    const { spec } = changed(row, stored(row, { type: 'NodePort' }), (each) => {
      delete each.clusterIP;
      delete each.clusterIPs;
      each.ports = [{ port: 81 }];
    });
    assert.deepEqual([spec?.clusterIPs, spec?.ports?.[0]?.nodePort], [['10.46.1.1'], 30_086]);
  });

  it('may change its port on the nodes, and the old one is free', () => {
    const { row, pools } = cluster();
    changed(row, stored(row, { type: 'NodePort' }), (each) => (each.ports = [{ port: 80, nodePort: 30_500 }]));
    assert.deepEqual([pools.ports.has(30_086), pools.ports.has(30_500)], [false, true]);
  });

  it('may not change its address', () => {
    const { row } = cluster();
    const { errors } = update(row, stored(row), (copy) => Object.assign(copy.spec ?? {}, { clusterIP: '10.46.0.9' }));
    assert.deepEqual(errors, ['spec.clusterIPs[0]: Invalid value: ["10.46.0.9"]: may not change once set']);
  });

  it('keeps both families unless it asks for one', () => {
    const { row } = cluster('10.46.0.0/16', 'fd00:46::/108');
    const dual = stored(row, { ipFamilyPolicy: 'PreferDualStack' });
    const { errors } = update(row, dual, (copy) => Object.assign(copy.spec ?? {}, { ipFamilies: ['IPv4'] }));
    assert.deepEqual(errors, [
      'spec.ipFamilyPolicy: Invalid value: "PreferDualStack": must be \'SingleStack\' to release the secondary IP family',
    ]);
  });

  it('that prefers both families gets no second address by a change of something else, when the cluster has two by now', () => {
    const old = stored(cluster().row, { ipFamilyPolicy: 'PreferDualStack' });
    const { row } = cluster('10.46.0.0/16', 'fd00:46::/108');
    row.strategy.restore?.([old]);
    assert.deepEqual(changed(row, old, (each) => (each.sessionAffinity = 'ClientIP')).spec?.clusterIPs, ['10.46.1.1']);
    const dual = changed(row, old, (each) => (each.ipFamilyPolicy = 'RequireDualStack'));
    assert.deepEqual(dual.spec?.ipFamilies, ['IPv4', 'IPv6']);
  });

  it('gets a second address when both families are asked for, and loses it when one is', () => {
    const { row, pools } = cluster('10.46.0.0/16', 'fd00:46::/108');
    const dual = changed(row, stored(row), (each) => (each.ipFamilyPolicy = 'RequireDualStack'));
    assert.deepEqual(dual.spec?.clusterIPs, ['10.46.1.1', 'fd00:46::101']);
    const single = changed(row, dual, (each) => (each.ipFamilyPolicy = 'SingleStack'));
    assert.deepEqual(single.spec?.clusterIPs, ['10.46.1.1']);
    assert.equal(pools.addresses.has('fd00:46::101'), false);
  });
});
