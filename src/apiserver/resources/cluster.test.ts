import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Endpoints, EndpointSlice, Event, Namespace, Node } from '../../api/types.gen.ts';
import { endpointSliceRow } from './endpoint-slices.ts';
import { endpointsRow } from './endpoints.ts';
import { eventRow } from './events.ts';
import { resourceRows } from './index.ts';
import { leaseRow } from './leases.ts';
import { namespaceRow } from './namespaces.ts';
import { nodeRow } from './nodes.ts';
import { cells, create, NOW, update } from './testing.ts';

describe('Namespaces', () => {
  const made = create(namespaceRow, { metadata: { name: 'shop' } });

  it('a new one is Active, carries its name as a label and is held by the kubernetes finalizer', () => {
    assert.deepEqual(made.errors, []);
    assert.deepEqual(made.object, {
      metadata: { name: 'shop', labels: { 'kubernetes.io/metadata.name': 'shop' } },
      spec: { finalizers: ['kubernetes'] },
      status: { phase: 'Active' },
    });
    assert.deepEqual(namespaceRow.strategy.finalizers?.(made.object), ['kubernetes']);
  });

  it('a write of the namespace changes neither finalizers nor status', () => {
    const { object } = update(namespaceRow, made.object, (copy) => {
      copy.spec = {};
      copy.status = { phase: 'Terminating' };
    });
    assert.deepEqual([object.spec, object.status], [{ finalizers: ['kubernetes'] }, { phase: 'Active' }]);
  });

  it('a deleted one becomes Terminating, and only its finalizers can be written by finalize', () => {
    const doomed = structuredClone(made.object);
    namespaceRow.strategy.prepareForDelete?.(doomed);
    assert.equal(doomed.status?.phase, 'Terminating');
    const finalized: Namespace = { ...structuredClone(doomed), spec: { finalizers: [] }, status: { phase: 'Active' } };
    namespaceRow.strategy.prepareForFinalizeUpdate?.(finalized, doomed, undefined as never);
    assert.deepEqual([finalized.spec, finalized.status], [{ finalizers: [] }, { phase: 'Terminating' }]);
  });

  it('its name is a label', () => {
    const { errors } = create(namespaceRow, { metadata: { name: 'a.b' } });
    assert.match(errors[0] ?? '', /^metadata\.name: Invalid value: "a\.b": must not contain dots$/);
  });
});

describe('Nodes', () => {
  const node = (more: Partial<Node> = {}): Node => ({ metadata: { name: 'node1' }, ...more });

  it('what may be allocated is what there is, and the first prefix is the prefix', () => {
    const { object, errors } = create(
      nodeRow,
      node({ spec: { podCIDR: '10.45.0.0/24' }, status: { capacity: { cpu: '4', memory: '1048576Ki' } } }),
    );
    assert.deepEqual(errors, []);
    assert.deepEqual(object.spec?.podCIDRs, ['10.45.0.0/24']);
    assert.deepEqual(object.status?.allocatable, { cpu: '4', memory: '1Gi' });
  });

  const refused: readonly { what: string; old?: Partial<Node>; now: Partial<Node>; says: string }[] = [
    {
      what: 'another pod prefix',
      old: { spec: { podCIDRs: ['10.45.0.0/24'], podCIDR: '10.45.0.0/24' } },
      now: { spec: { podCIDRs: ['10.45.1.0/24'], podCIDR: '10.45.1.0/24' } },
      says: 'spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid',
    },
    {
      what: 'a prefix that is none',
      now: { spec: { podCIDRs: ['ten'] } },
      says: 'spec.podCIDRs[0]: Invalid value: "ten": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
    },
    {
      what: 'an unknown effect of a taint',
      now: { spec: { taints: [{ key: 'a', effect: 'Sometimes' }] } },
      says: 'metadata.taints[0].effect: Unsupported value: "Sometimes": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
    },
  ];
  for (const { what, old = {}, now, says } of refused) {
    it(`${what} is refused`, () => {
      const { errors } = update(nodeRow, node({ spec: {}, status: {}, ...old }), (copy) => Object.assign(copy, now));
      assert.deepEqual(errors, [says]);
    });
  }

  it('prints its state, roles, versions and addresses', () => {
    const shown = cells(
      nodeRow,
      {
        metadata: {
          name: 'node1',
          creationTimestamp: '2026-02-27T12:00:00Z',
          labels: { 'node-role.kubernetes.io/worker': '', 'node-role.kubernetes.io/control-plane': '' },
        },
        spec: { unschedulable: true },
        status: {
          conditions: [{ type: 'Ready', status: 'True' }],
          addresses: [{ type: 'InternalIP', address: '10.44.0.11' }],
          nodeInfo: {
            kubeletVersion: 'v1.36.3',
            kernelVersion: '6.1.0',
            architecture: 'amd64',
            osImage: 'Debian 12',
            containerRuntimeVersion: 'podwire://0.1.0',
          } as never,
        },
      },
      NOW,
    );
    assert.deepEqual(Object.values(shown), [
      'node1',
      'Ready,SchedulingDisabled',
      'control-plane,worker',
      '2d',
      'v1.36.3',
      '10.44.0.11',
      '<none>',
      'Debian 12',
      '6.1.0 (amd64)',
      'podwire://0.1.0',
    ]);
  });

  const states: readonly [conditions: { type: string; status: string }[], word: string][] = [
    [[], 'Unknown'],
    [[{ type: 'Ready', status: 'False' }], 'NotReady'],
    [[{ type: 'Ready', status: 'Unknown' }], 'NotReady'],
  ];
  for (const [conditions, word] of states) {
    it(`is ${word} with ${JSON.stringify(conditions)}`, () => {
      assert.equal(cells(nodeRow, node({ status: { conditions } }))['Status'], word);
    });
  }
});

describe('Endpoints and EndpointSlices', () => {
  const addresses = ['10.45.0.2', '10.45.0.3', '10.45.1.2', '10.45.1.3'].map((ip) => ({ ip }));
  const metadata = { name: 'web', namespace: 'shop' };

  it('Endpoints print three addresses and how many more there are', () => {
    const endpoints: Endpoints = { metadata, subsets: [{ addresses, ports: [{ port: 80 }] }] };
    assert.equal(cells(endpointsRow, endpoints)['Endpoints'], '10.45.0.2:80,10.45.0.3:80,10.45.1.2:80 + 1 more...');
    assert.equal(cells(endpointsRow, { metadata })['Endpoints'], '<none>');
    const six: Endpoints = { metadata, subsets: [{ addresses: [{ ip: 'fd00::1' }], ports: [{ port: 80 }] }] };
    assert.equal(cells(endpointsRow, six)['Endpoints'], '[fd00::1]:80');
  });

  it('an EndpointSlice prints its ports and addresses, or that it has none', () => {
    const slice: EndpointSlice = {
      metadata,
      addressType: 'IPv4',
      ports: [{ port: 80 }, { name: 'any' }],
      endpoints: addresses.map(({ ip }) => ({ addresses: [ip] })),
    };
    const { Ports, Endpoints: shown, AddressType } = cells(endpointSliceRow, slice);
    assert.deepEqual([AddressType, Ports, shown], ['IPv4', '80,any', '10.45.0.2,10.45.0.3,10.45.1.2 + 1 more...']);
    const empty = cells(endpointSliceRow, { metadata, addressType: 'IPv4' });
    assert.deepEqual([empty['Ports'], empty['Endpoints']], ['<unset>', '<unset>']);
  });

  it('an EndpointSlice fills its ports, and counts changes of what it says', () => {
    const { object, errors } = create(endpointSliceRow, {
      metadata,
      addressType: 'IPv4',
      ports: [{ port: 80 }],
      endpoints: [{ addresses: ['10.45.0.2'] }],
    });
    assert.deepEqual(errors, []);
    assert.deepEqual(object.ports, [{ port: 80, name: '', protocol: 'TCP' }]);
    const grown = update(endpointSliceRow, object, (copy) => copy.endpoints?.push({ addresses: ['10.45.0.3'] }));
    assert.deepEqual([grown.errors, grown.object.metadata.generation], [[], 2]);
    const labelled = update(endpointSliceRow, object, (copy) => (copy.metadata.labels = { a: 'b' }));
    assert.equal(labelled.object.metadata.generation, 1);
  });

  it('an EndpointSlice holds addresses of its own family only', () => {
    const slice: EndpointSlice = { metadata, addressType: 'IPv4', endpoints: [{ addresses: ['fd00::1'] }] };
    assert.deepEqual(create(endpointSliceRow, slice).errors, [
      'endpoints[0].addresses: Invalid value: "fd00::1": must be an IPv4 address',
    ]);
  });
});

describe('Events and Leases', () => {
  const event: Event = {
    metadata: { name: 'web.1', namespace: 'shop' },
    involvedObject: { kind: 'Pod', name: 'web', namespace: 'shop', fieldPath: 'spec.containers{web}' },
    type: 'Normal',
    reason: 'Started',
    message: 'Started container web\n',
    count: 3,
    firstTimestamp: '2026-03-01T11:50:00Z',
    lastTimestamp: '2026-03-01T11:59:30Z',
    source: { component: 'kubelet', host: 'node1' },
  };

  it('an Event prints when, what, why', () => {
    assert.deepEqual(Object.values(cells(eventRow, event)), [
      '30s',
      'Normal',
      'Started',
      'pod/web',
      'spec.containers{web}',
      'kubelet, node1',
      'Started container web',
      '10m',
      3,
      'web.1',
    ]);
  });

  it('an Event of the new style prints its series', () => {
    const { metadata, involvedObject } = event;
    const shown = cells(eventRow, {
      metadata,
      involvedObject,
      eventTime: '2026-03-01T11:00:00.000000Z',
      reportingComponent: 'podwire/scheduler',
      series: { count: 5, lastObservedTime: '2026-03-01T11:59:59.000000Z' },
    });
    assert.deepEqual(
      [shown['Last Seen'], shown['First Seen'], shown['Count'], shown['Source']],
      ['1s', '60m', 5, 'podwire/scheduler'],
    );
  });

  it('an Event lives in the namespace of its object', () => {
    const { errors } = create(eventRow, { ...event, metadata: { name: 'x', namespace: 'other' } });
    assert.deepEqual(errors, ['involvedObject.namespace: Invalid value: "shop": does not match event.namespace']);
  });

  it('Events can be selected by their object', () => {
    const fields = eventRow.strategy.selectableFields ?? {};
    assert.equal(fields['involvedObject.name']?.(event), 'web');
    assert.equal(fields['source']?.(event), 'kubelet');
  });

  it('a Lease lasts for some time', () => {
    const { errors } = create(leaseRow, { metadata: { name: 'l', namespace: 'n' }, spec: { leaseDurationSeconds: 0 } });
    assert.deepEqual(errors, ['spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0']);
  });
});

describe('the table of all resources', () => {
  const rows = resourceRows({ serviceCIDR: '10.46.0.0/16', nodePortRange: '30000-32767' });

  it('has one row for each resource of the first slice', () => {
    assert.deepEqual(rows.map(({ type }) => type.resource).sort(), [
      'certificatesigningrequests',
      'clusterrolebindings',
      'clusterroles',
      'configmaps',
      'controllerrevisions',
      'daemonsets',
      'deployments',
      'endpoints',
      'endpointslices',
      'events',
      'ingressclasses',
      'ingresses',
      'ipaddresses',
      'leases',
      'limitranges',
      'namespaces',
      'networkpolicies',
      'nodes',
      'pods',
      'podtemplates',
      'replicasets',
      'replicationcontrollers',
      'rolebindings',
      'roles',
      'runtimeclasses',
      'secrets',
      'serviceaccounts',
      'servicecidrs',
      'services',
    ]);
  });

  it('has no short name twice', () => {
    const names = rows.flatMap(({ shortNames = [] }) => shortNames);
    assert.deepEqual(names, [...new Set(names)]);
  });

  it('answers kubectl get all with pods, services and workloads', () => {
    const all = rows.filter(({ categories }) => categories?.includes('all')).map(({ type }) => type.resource);
    assert.deepEqual(all.sort(), [
      'daemonsets',
      'deployments',
      'pods',
      'replicasets',
      'replicationcontrollers',
      'services',
    ]);
  });
});
