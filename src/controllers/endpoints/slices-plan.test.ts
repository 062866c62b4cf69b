import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Endpoint, EndpointSlice, Node, Pod, Service } from '../../api/types.gen.ts';
import { endpointGroups } from './endpoint-groups.ts';
import { ownerOfService } from './slice-owner.ts';
import { planSlices, type SlicesPlan } from './slices-plan.ts';

const service: Service = {
  metadata: { namespace: 'n', name: 'web', uid: 's', labels: { team: 'a' } },
  spec: {
    clusterIP: '10.46.0.9',
    ipFamilies: ['IPv4'],
    selector: { app: 'web' },
    ports: [{ name: 'http', port: 80, targetPort: 'http', protocol: 'TCP' }],
  },
};

function pod(name: string, ip: string, { port = 8080, ready = true, leaving = false } = {}): Pod {
  return {
    metadata: { namespace: 'n', name, uid: name, ...(leaving ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}) },
    spec: { nodeName: 'node1', containers: [{ name: 'c', ports: [{ name: 'http', containerPort: port }] }] },
    status: {
      phase: 'Running',
      podIP: ip,
      podIPs: [{ ip }],
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
    },
  };
}

const node: Node = { metadata: { name: 'node1', labels: { 'topology.kubernetes.io/zone': 'z1' } } };
const many = (count: number, from = 0): Pod[] =>
  Array.from({ length: count }, (_, index) => pod(`p${from + index}`, `10.45.0.${from + index}`));

function plan(pods: Pod[], existing: EndpointSlice[] = [], subject = service): SlicesPlan {
  return planSlices(ownerOfService(subject), ['IPv4'], endpointGroups(subject, pods, { nodeOf: () => node }), existing);
}

/** What the server holds after the plan. */
function applied({ create, update, remove }: SlicesPlan, existing: EndpointSlice[] = []): EndpointSlice[] {
  const gone = new Set([...remove, ...update].map(({ metadata }) => metadata.name));
  const named = create.map((slice, index) => ({
    ...slice,
    metadata: { ...slice.metadata, name: `new${index}-${existing.length}` },
  }));
  return [...existing.filter(({ metadata }) => !gone.has(metadata.name)), ...update, ...named];
}

const counts = (slices: readonly EndpointSlice[]): number[] => slices.map((slice) => slice.endpoints?.length ?? 0);
const size = ({ create, update, remove }: SlicesPlan): number[] => [create.length, update.length, remove.length];

describe('endpoints', () => {
  it('tell all about a pod', () => {
    const [slice] = plan([pod('p1', '10.45.0.7')]).create;
    const expected: Endpoint = {
      addresses: ['10.45.0.7'],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: 'node1',
      targetRef: { kind: 'Pod', namespace: 'n', name: 'p1', uid: 'p1' },
      zone: 'z1',
    };
    assert.deepEqual(slice?.endpoints, [expected]);
    assert.deepEqual(slice?.ports, [{ name: 'http', port: 8080, protocol: 'TCP' }]);
    assert.deepEqual(slice?.metadata.labels, {
      team: 'a',
      'kubernetes.io/service-name': 'web',
      'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
    });
    assert.equal(slice?.metadata.ownerReferences?.[0]?.uid, 's');
  });

  const conditions: readonly [string, Pod, boolean, unknown][] = [
    ['not ready', pod('p', '10.45.0.1', { ready: false }), false, { ready: false, serving: false, terminating: false }],
    [
      'leaving but serving',
      pod('p', '10.45.0.1', { leaving: true }),
      false,
      { ready: false, serving: true, terminating: true },
    ],
    [
      'published anyway',
      pod('p', '10.45.0.1', { ready: false }),
      true,
      { ready: true, serving: false, terminating: false },
    ],
  ];
  for (const [name, subject, publishNotReadyAddresses, expected] of conditions) {
    it(name, () => {
      const publishing = { ...service, spec: { ...service.spec, publishNotReadyAddresses } };
      assert.deepEqual(plan([subject], [], publishing).create[0]?.endpoints?.[0]?.conditions, expected);
    });
  }

  it('leave out pods that have ended or have no address', () => {
    const ended = pod('p1', '10.45.0.1');
    ended.status = { ...ended.status, phase: 'Succeeded' };
    const homeless: Pod = { ...pod('p2', ''), status: { phase: 'Pending' } };
    assert.deepEqual(counts(plan([ended, homeless]).create), [0]);
  });

  it('of pods with another number behind the port name are another slice', () => {
    const { create } = plan([pod('p1', '10.45.0.1'), pod('p2', '10.45.0.2', { port: 9090 })]);
    assert.deepEqual(create.map((slice) => slice.ports?.[0]?.port).sort(), [8080, 9090]);
  });

  it('of a headless Service are marked so, also without ports', () => {
    const headless: Service = { ...service, spec: { clusterIP: 'None', selector: { app: 'web' } } };
    const [slice] = plan([pod('p1', '10.45.0.1')], [], headless).create;
    assert.equal(slice?.metadata.labels?.['service.kubernetes.io/headless'], '');
    assert.deepEqual([slice?.ports, slice?.endpoints?.length], [[], 1]);
  });

  it('of the wrong family are left out', () => {
    const { create } = plan([pod('p1', 'fd00::1')]);
    assert.deepEqual(counts(create), [0]);
  });
});

describe('the plan for slices', () => {
  it('is one empty slice for a Service without pods, and then nothing', () => {
    const first = plan([]);
    assert.deepEqual(size(first), [1, 0, 0]);
    assert.deepEqual(size(plan([], applied(first))), [0, 0, 0]);
  });

  it('fills the empty slice instead of making another one, and empties it again', () => {
    const empty = applied(plan([]));
    const filled = plan(many(1), empty);
    assert.deepEqual(size(filled), [0, 1, 0]);
    assert.equal(filled.update[0]?.metadata.name, empty[0]?.metadata.name);
    const emptied = plan([], applied(filled, empty));
    assert.deepEqual(size(emptied), [0, 1, 0]);
    assert.deepEqual([emptied.update[0]?.endpoints, emptied.update[0]?.ports], [[], []]);
  });

  it('is nothing when nothing changed', () => {
    const slices = applied(plan(many(250)));
    assert.deepEqual(counts(slices), [100, 100, 50]);
    assert.deepEqual(size(plan(many(250), slices)), [0, 0, 0]);
  });

  it('writes one slice when one pod changes', () => {
    const slices = applied(plan(many(250)));
    const pods = many(250).map((each, index) => (index === 120 ? pod('p120', '10.45.0.120', { ready: false }) : each));
    const changed = plan(pods, slices);
    assert.deepEqual(size(changed), [0, 1, 0]);
    assert.equal(changed.update[0]?.metadata.name, slices[1]?.metadata.name);
  });

  it('puts a new pod where there is room', () => {
    const slices = applied(plan(many(250)));
    const changed = plan(many(251), slices);
    assert.deepEqual(size(changed), [0, 1, 0]);
    assert.deepEqual(counts(changed.update), [51]);
  });

  it('replaces a pod in the slice it leaves', () => {
    const slices = applied(plan(many(200)));
    const changed = plan([...many(199), pod('fresh', '10.45.9.9')], slices);
    assert.deepEqual(size(changed), [0, 1, 0]);
    assert.deepEqual(counts(changed.update), [100]);
  });

  it('makes a slice when there is no room', () => {
    const slices = applied(plan(many(100)));
    assert.deepEqual(size(plan(many(101), slices)), [1, 0, 0]);
  });

  it('deletes a slice that has become empty when others remain', () => {
    const slices = applied(plan(many(101)));
    assert.deepEqual(size(plan(many(100), slices)), [0, 0, 1]);
  });

  it('writes changed labels of the Service to all of its slices', () => {
    const slices = applied(plan(many(150)));
    const relabelled = { ...service, metadata: { ...service.metadata, labels: { team: 'b' } } };
    const changed = plan(many(150), slices, relabelled);
    assert.deepEqual(size(changed), [0, 2, 0]);
    assert.equal(changed.update[0]?.metadata.labels?.['team'], 'b');
  });

  it('removes slices of a family the Service does not have, and those of an older Service of its name', () => {
    const [slice] = applied(plan(many(1)));
    assert.ok(slice !== undefined);
    const strange: EndpointSlice = { ...slice, addressType: 'IPv6', metadata: { ...slice.metadata, name: 'v6' } };
    const older: EndpointSlice = {
      ...slice,
      metadata: {
        ...slice.metadata,
        name: 'old',
        ownerReferences: [{ apiVersion: 'v1', kind: 'Service', name: 'web', uid: 'before' }],
      },
    };
    const changed = plan(many(1), [slice, strange, older]);
    assert.deepEqual(changed.remove.map(({ metadata }) => metadata.name).sort(), ['old', 'v6']);
    assert.deepEqual(size(changed), [0, 0, 2]);
  });
});
