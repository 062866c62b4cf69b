/** Endpoints that somebody wrote by hand, and the slices that repeat them. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { endpoints, endpointSlices, services } from '../../api/resources.ts';
import type { Endpoints, EndpointSlice } from '../../api/types.gen.ts';
import { fakeWorld, type FakeWorld } from '../../../test/fake-cluster/controller-context.ts';
import { eventually, quiet } from '../../../test/fake-cluster/eventually.ts';
import { startEndpointSliceMirroringController } from './mirroring-controller.ts';
import { repackSubsets } from './repack-subsets.ts';

const namespace = 'shop';
const name = 'ext';
const key = { namespace, name };
const port = (number: number) => ({ name: `p${number}`, port: number, protocol: 'TCP' });

function start(t: TestContext): FakeWorld {
  const world = fakeWorld(t);
  startEndpointSliceMirroringController(world.context);
  return world;
}

async function addService({ cluster }: FakeWorld, selector?: Record<string, string>): Promise<void> {
  await cluster.create(services, {
    metadata: key,
    spec: { clusterIP: '10.46.0.5', ports: [port(80)], ...(selector === undefined ? {} : { selector }) },
  });
}

const write = ({ cluster }: FakeWorld, object: Partial<Endpoints>): Promise<Endpoints> =>
  cluster.create(endpoints, { ...object, metadata: { ...key, ...object.metadata } });
const slices = ({ cluster }: FakeWorld): EndpointSlice[] => cluster.all(endpointSlices);
const addresses = (world: FakeWorld): string[] =>
  slices(world)
    .flatMap((slice) => (slice.endpoints ?? []).flatMap((each) => each.addresses))
    .sort();
const subsets = [{ addresses: [{ ip: '192.0.2.1' }], notReadyAddresses: [{ ip: '192.0.2.2' }], ports: [port(80)] }];

describe('Endpoints of a Service without a selector', () => {
  it('are repeated, with labels and annotations', async (t) => {
    const world = start(t);
    await addService(world);
    const annotations = { kept: 'yes', 'kubectl.kubernetes.io/last-applied-configuration': '{}' };
    await write(world, { metadata: { labels: { team: 'a' }, annotations }, subsets });
    await eventually(() => assert.equal(slices(world).length, 1));
    const [slice] = slices(world);
    assert.deepEqual(slice?.metadata.labels, {
      team: 'a',
      'kubernetes.io/service-name': name,
      'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io',
    });
    assert.deepEqual(slice.metadata.annotations, { kept: 'yes' });
    assert.deepEqual(slice.endpoints, [
      { addresses: ['192.0.2.1'], conditions: { ready: true } },
      { addresses: ['192.0.2.2'], conditions: { ready: false } },
    ]);
    assert.deepEqual([slice.addressType, slice.ports], ['IPv4', [port(80)]]);
    const [owner] = slice.metadata.ownerReferences ?? [];
    assert.deepEqual([owner?.kind, owner?.name], ['Endpoints', name]);
  });

  it('of both families stand in a slice each', async (t) => {
    const world = start(t);
    await addService(world);
    await write(world, { subsets: [{ addresses: [{ ip: '192.0.2.1' }, { ip: '2001:db8::1' }], ports: [port(80)] }] });
    await eventually(() => {
      const types = slices(world).map(({ addressType }) => addressType);
      assert.deepEqual(types.sort(), ['IPv4', 'IPv6']);
    });
  });

  it('are followed through change and deletion', async (t) => {
    const world = start(t);
    const { cluster } = world;
    await addService(world);
    await write(world, { subsets });
    await eventually(() => assert.deepEqual(addresses(world), ['192.0.2.1', '192.0.2.2']));
    const other = [{ addresses: [{ ip: '192.0.2.9' }], ports: [port(81)] }];
    await cluster.patch(endpoints, key, { subsets: other }, { type: 'merge' });
    await eventually(() => assert.deepEqual(addresses(world), ['192.0.2.9']));
    assert.deepEqual(slices(world)[0]?.ports, [port(81)]);
    await cluster.delete(endpoints, key);
    await eventually(() => assert.deepEqual(slices(world), []));
  });

  it('are repeated no longer when the Service goes, or gets a selector', async (t) => {
    const world = start(t);
    const { cluster } = world;
    await addService(world);
    await write(world, { subsets });
    await eventually(() => assert.equal(slices(world).length, 1));
    await cluster.patch(services, key, { spec: { selector: { app: 'web' } } }, { type: 'merge' });
    await eventually(() => assert.equal(slices(world).length, 0));
    await cluster.patch(services, key, { spec: { selector: null } }, { type: 'merge' });
    await eventually(() => assert.equal(slices(world).length, 1));
    await cluster.delete(services, key);
    await eventually(() => assert.equal(slices(world).length, 0));
  });

  it('are put back when somebody deletes the slice', async (t) => {
    const world = start(t);
    await addService(world);
    await write(world, { subsets });
    await eventually(() => assert.equal(slices(world).length, 1));
    await world.cluster.delete(endpointSlices, { namespace, name: slices(world)[0]?.metadata.name ?? '' });
    await eventually(() => assert.equal(slices(world).length, 1));
  });
});

describe('what is not repeated', () => {
  const cases: readonly [string, Partial<Endpoints>][] = [
    ['what says so', { metadata: { labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } }, subsets }],
    ['an election', { metadata: { annotations: { 'control-plane.alpha.kubernetes.io/leader': '{}' } }, subsets }],
    ['nothing', { subsets: [] }],
  ];
  for (const [what, object] of cases) {
    it(what, async (t) => {
      const world = start(t);
      await addService(world);
      await write(world, object);
      await quiet(world.cluster);
      assert.deepEqual(slices(world), []);
    });
  }

  it('what is beyond a thousand addresses; an Event tells', async (t) => {
    const world = start(t);
    await addService(world);
    const many = Array.from({ length: 1002 }, (_, n) => ({ ip: `10.1.${n >> 8}.${n & 255}` }));
    await write(world, { subsets: [{ addresses: many, ports: [port(80)] }] });
    await eventually(() => assert.equal(addresses(world).length, 1000));
    assert.deepEqual(world.told, [
      'TooManyAddressesToMirror: A max of 1000 addresses can be mirrored to EndpointSlices per Endpoints subset. 2 addresses were skipped',
    ]);
  });
});

describe('the one form of subsets', () => {
  it('ports that the same addresses serve share a subset', () => {
    const one = { addresses: [{ ip: '192.0.2.1' }] };
    assert.deepEqual(
      repackSubsets([
        { ...one, ports: [port(90)] },
        { ...one, ports: [port(80)] },
      ]),
      [{ ...one, ports: [port(80), port(90)] }],
    );
  });

  it('ports of other addresses do not', () => {
    const both = { addresses: [{ ip: '192.0.2.1' }, { ip: '192.0.2.2' }], ports: [port(80)] };
    const one = { addresses: [{ ip: '192.0.2.1' }], ports: [port(90)] };
    assert.deepEqual(repackSubsets([one, both]), [both, one]);
  });

  it('who is told as both ready and not is not', () => {
    const [ip] = [{ ip: '192.0.2.1' }];
    assert.deepEqual(
      repackSubsets([
        { addresses: [ip], ports: [port(80)] },
        { notReadyAddresses: [ip], ports: [port(80)] },
      ]),
      [{ notReadyAddresses: [ip], ports: [port(80)] }],
    );
  });
});
